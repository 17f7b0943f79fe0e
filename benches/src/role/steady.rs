//! A stream that goes on until it is stopped, so that its goodput can be taken once it is steady.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result};
use byway_base::{OverlayAddress, Policy, Port, PublicKey};
use byway_node::{Node, PathChoice};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Answer, CHUNK};

/// Where the overlay's streams are counted.
const COUNTER: Port = Port(10);

/// What a child does with steady streams.
#[derive(Serialize, Deserialize)]
pub(crate) enum SteadyCommand {
    /// Count what plain streams bring to this address.
    CountPlain { at: SocketAddr },
    /// Count what the overlay's streams bring to this node.
    CountOverlay,
    /// How much was counted, and how long ago the counting began.
    Count,
    /// Send over a plain stream.
    SendPlain { to: SocketAddr },
    /// Send over a session.
    SendOverlay { to: PublicKey, policy: String },
    /// End what is sent, at once.
    Stop,
}

/// What goes on in this process.
#[derive(Default)]
pub(super) struct Steady {
    counted: Arc<AtomicU64>,
    since: Option<Instant>,
    sending: Option<JoinHandle<()>>,
}

impl Steady {
    pub(super) async fn obey(&mut self, command: SteadyCommand, node: Option<&Node>) -> Result<Answer> {
        match command {
            SteadyCommand::CountPlain { at } => {
                let listener = TcpListener::bind(at).await?;
                self.since = Some(Instant::now());
                let (address, counted) = (listener.local_addr()?.to_string(), self.counted.clone());
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(count(stream, counted.clone()));
                    }
                });
                return Ok(Answer { address, ..Answer::default() });
            }
            SteadyCommand::CountOverlay => {
                let mut listener = node.context("there is no node yet")?.listen(COUNTER)?;
                self.since = Some(Instant::now());
                let counted = self.counted.clone();
                tokio::spawn(async move {
                    while let Some(incoming) = listener.accept().await {
                        tokio::spawn(count(incoming.stream, counted.clone()));
                    }
                });
            }
            SteadyCommand::Count => {
                let seconds = self.since.context("nothing is counted")?.elapsed().as_secs_f64();
                return Ok(Answer {
                    bytes: self.counted.load(Ordering::Relaxed),
                    seconds,
                    ..Answer::default()
                });
            }
            SteadyCommand::SendPlain { to } => {
                let stream = TcpStream::connect(to).await?;
                // What is still queued when it ends must not burden the link.
                stream.set_zero_linger()?;
                self.sending = Some(tokio::spawn(send(stream)));
            }
            SteadyCommand::SendOverlay { to, policy } => {
                let to = OverlayAddress { key: to, port: COUNTER };
                let choice = PathChoice::by_policy(&policy.parse::<Policy>()?);
                let (stream, _) = node.context("there is no node yet")?.dial(to, choice).await?;
                self.sending = Some(tokio::spawn(send(stream)));
            }
            SteadyCommand::Stop => {
                if let Some(sending) = self.sending.take() {
                    sending.abort();
                }
            }
        }
        Ok(Answer::default())
    }
}

/// Ends when the stream breaks.
async fn send(mut stream: impl AsyncWrite + Unpin) {
    let chunk = vec![0x5a; CHUNK];
    while stream.write_all(&chunk).await.is_ok() {}
}

async fn count(mut stream: impl AsyncRead + Unpin, counted: Arc<AtomicU64>) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(more @ 1..) = stream.read(&mut buffer).await {
        counted.fetch_add(more as u64, Ordering::Relaxed);
    }
}
