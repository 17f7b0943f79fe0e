//! What a child process does: it is a node, another service or its clients, or it has one end or the middle of a stream
//! without the overlay.

pub(crate) mod bare;
pub(crate) mod client;
pub(crate) mod crowd;
pub(crate) mod node;
pub(crate) mod server;
pub(crate) mod source;
pub(crate) mod steady;
pub(crate) mod stream;

use anyhow::Result;
use byway_base::PublicKey;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::process;
use bare::Bare;
use client::{ClientCommand, Clients};
use crowd::{Crowd, CrowdCommand};
use node::{Member, NodeCommand};
use server::ServerPlan;
use source::RequestPlan;
use steady::{Steady, SteadyCommand};

/// Bytes written at once.
const CHUNK: usize = 256 * 1024;
/// Bytes of a small message.
const PING: usize = 64;

/// One line from the parent.
#[derive(Serialize, Deserialize)]
pub(crate) enum Command {
    /// Something with a stream that is not of the overlay.
    Bare(Bare),
    /// Something as a node.
    Node(NodeCommand),
    /// Something with a stream that goes on until it is stopped.
    Steady(SteadyCommand),
    /// Become a service other than a node.
    Server(ServerPlan),
    /// Ask a setup node for routes, as the node that this process is.
    Requests(RequestPlan),
    /// Something as messaging clients.
    Client(ClientCommand),
    /// Something as many clients that do next to nothing.
    Crowd(CrowdCommand),
    /// How many bytes this process holds of its allocator.
    Heap,
}

/// One line to the parent; what does not apply stays empty.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) address: String,
    /// Where `quic` transports are accepted, beside `address` for `tcp`.
    pub(crate) quic_address: String,
    pub(crate) key: Option<PublicKey>,
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// Longest time in which nothing arrived.
    pub(crate) pause_us: f64,
    pub(crate) times_us: Vec<f64>,
    /// Microseconds since 1970, so that processes can compare them.
    pub(crate) happened_us: Vec<u64>,
}

/// Obeys the parent until it closes the pipe.
pub(crate) async fn run() -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut out = tokio::io::stdout();
    let (mut member, mut steady) = (Member::default(), Steady::default());
    let (mut clients, mut crowd) = (Clients::default(), Crowd::default());
    while let Some(line) = lines.next_line().await? {
        let done = match serde_json::from_str(&line)? {
            Command::Bare(command) => bare::obey(command).await,
            Command::Node(command) => member.obey(command).await,
            Command::Steady(command) => steady.obey(command, member.node()).await,
            Command::Server(plan) => server::start(plan).await,
            Command::Requests(plan) => member.request(plan).await,
            Command::Client(command) => clients.obey(command).await,
            Command::Crowd(command) => crowd.obey(command).await,
            Command::Heap => process::heap_bytes().map(|bytes| Answer { bytes, ..Answer::default() }),
        };
        let answer = match done {
            Ok(answer) => serde_json::to_string(&answer)?,
            Err(error) => format!("error: {error:#}"),
        };
        out.write_all(format!("{answer}\n").as_bytes()).await?;
        out.flush().await?;
    }
    Ok(())
}
