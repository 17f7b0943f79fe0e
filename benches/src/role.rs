//! What a child process does: it is a node, or one end of a plain TCP stream.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context, Result, bail};
use byway_base::{OverlayAddress, Policy, Port, PublicKey, SecretKey, TransportType};
use byway_node::{Config, Listener, Node, PathChoice, ServiceAddress, Wanted};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Where the sink listens.
const PORT: Port = Port(9);
/// Bytes written at once.
const CHUNK: usize = 256 * 1024;

/// One line from the parent.
#[derive(Serialize, Deserialize)]
pub(crate) enum Command {
    /// Accept one plain TCP stream and discard it.
    RawSink,
    /// Send over a plain TCP stream.
    RawSend { to: String, bytes: u64 },
    /// Become a node.
    Node(Box<NodePlan>),
    /// Wait until a transport to each of these is up.
    AwaitTransports { peers: Vec<PublicKey> },
    /// Send over a session; the sink says when it has all.
    Send { to: PublicKey, policy: String, bytes: u64 },
    /// Send small messages and wait for each.
    Ping { to: PublicKey, policy: String, count: u32 },
    /// Begin a session on each of these choices.
    Dial { to: PublicKey, policy: String, count: u32 },
}

/// What a node child should be.
#[derive(Serialize, Deserialize)]
pub(crate) struct NodePlan {
    pub(crate) transport_discovery: String,
    pub(crate) route_finder: String,
    pub(crate) messaging_discovery: String,
    pub(crate) setup_node: PublicKey,
    pub(crate) dial: Vec<(String, PublicKey, Option<SocketAddr>)>,
}

/// One line to the parent; what does not apply stays empty.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) key: Option<PublicKey>,
    #[serde(default)]
    pub(crate) seconds: f64,
    #[serde(default)]
    pub(crate) times_us: Vec<f64>,
}

/// Obeys the parent until it closes the pipe.
pub(crate) async fn run() -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut out = tokio::io::stdout();
    let mut node = None;
    while let Some(line) = lines.next_line().await? {
        let answer = match obey(serde_json::from_str(&line)?, &mut node).await {
            Ok(answer) => serde_json::to_string(&answer)?,
            Err(error) => format!("error: {error:#}"),
        };
        out.write_all(format!("{answer}\n").as_bytes()).await?;
        out.flush().await?;
    }
    Ok(())
}

async fn obey(command: Command, slot: &mut Option<Node>) -> Result<Answer> {
    match command {
        Command::RawSink => raw_sink().await,
        Command::RawSend { to, bytes } => raw_send(&to, bytes).await,
        Command::Node(plan) => {
            let node = start(*plan).await?;
            let address = node.listen_address().map(|address| address.to_string()).unwrap_or_default();
            let answer = Answer { address, key: Some(node.key()), ..Answer::default() };
            tokio::spawn(discard(node.listen(PORT)?));
            *slot = Some(node);
            Ok(answer)
        }
        command => with_node(slot.as_ref().context("there is no node yet")?, command).await,
    }
}

async fn with_node(node: &Node, command: Command) -> Result<Answer> {
    match command {
        Command::AwaitTransports { peers } => {
            while !peers.iter().all(|peer| node.transports().iter().any(|info| info.peer == *peer)) {
                node.transports_changed().await;
            }
            Ok(Answer::default())
        }
        Command::Send { to, policy, bytes } => send(node, to, &policy, bytes).await,
        Command::Ping { to, policy, count } => {
            let ping = node.ping(to, choice(&policy)?, count).await?;
            let times_us = ping.rtts.iter().map(|rtt| rtt.as_secs_f64() * 1e6).collect();
            Ok(Answer { times_us, ..Answer::default() })
        }
        Command::Dial { to, policy, count } => dial(node, to, &policy, count).await,
        _ => bail!("a node does not do that"),
    }
}

fn choice(policy: &str) -> Result<PathChoice> {
    Ok(PathChoice::by_policy(&policy.parse::<Policy>()?))
}

async fn start(plan: NodePlan) -> Result<Node> {
    let service = |url| Some(ServiceAddress { url, key: None });
    let mut config = Config::new(SecretKey::from_seed(rand::random()));
    config.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.transport_discovery = service(plan.transport_discovery);
    config.route_finder = service(plan.route_finder);
    config.messaging_discovery = vec![plan.messaging_discovery];
    config.trusted_setup_nodes = vec![plan.setup_node];
    for (kind, peer, address) in plan.dial {
        config.transports.push(Wanted { kind: TransportType::new(&kind)?, peer, address });
    }
    Ok(Node::start(config).await?)
}

/// Reads each stream to its end, then says that all came.
async fn discard(mut listener: Listener) {
    while let Some(mut incoming) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = vec![0; CHUNK];
            while incoming.stream.read(&mut buffer).await? > 0 {}
            incoming.stream.write_all(&[1]).await?;
            incoming.stream.shutdown().await
        });
    }
}

async fn send(node: &Node, to: PublicKey, policy: &str, bytes: u64) -> Result<Answer> {
    let (stream, _) = node.dial(OverlayAddress { key: to, port: PORT }, choice(policy)?).await?;
    timed_transfer(stream, bytes).await
}

/// Times whole dials: path, route over all nodes, session, stream. Every policy text is a session of its own.
async fn dial(node: &Node, to: PublicKey, policy: &str, count: u32) -> Result<Answer> {
    let mut times_us = Vec::new();
    for number in 0..count {
        let policy = format!("{policy} hops<={}", 16 - number % 8);
        let policy = format!("{policy} disjoint=1");
        let to = OverlayAddress { key: to, port: if number < 8 { PORT } else { byway_node::ECHO_PORT } };
        let started = Instant::now();
        drop(node.dial(to, choice(&policy)?).await?);
        times_us.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Answer { times_us, ..Answer::default() })
}

async fn raw_sink() -> Result<Answer> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut buffer = vec![0; CHUNK];
        while stream.read(&mut buffer).await? > 0 {}
        stream.write_all(&[1]).await
    });
    Ok(Answer { address, ..Answer::default() })
}

async fn raw_send(to: &str, bytes: u64) -> Result<Answer> {
    timed_transfer(TcpStream::connect(to).await?, bytes).await
}

/// From the first byte until the other end says that it has all: the same work on a plain stream and on the overlay.
async fn timed_transfer(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: u64) -> Result<Answer> {
    let chunk = vec![0x5a; CHUNK];
    let started = Instant::now();
    let mut left = bytes;
    while left > 0 {
        let count = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
        stream.write_all(&chunk[..count]).await?;
        left -= count as u64;
    }
    stream.shutdown().await?;
    stream.read_exact(&mut [0]).await?;
    Ok(Answer { seconds: started.elapsed().as_secs_f64(), ..Answer::default() })
}
