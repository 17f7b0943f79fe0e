//! The port that every node answers on: what comes in goes back. `ping` uses it.

use std::time::{Duration, Instant};

use byway_base::{Code, OverlayAddress, Port, Problem, PublicKey, limits::DIAL_TIMEOUT};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::timeout,
};

use crate::{
    dialer::{Dialer, PathChoice, RouteInfo},
    listeners::Listener,
    stream::OverlayStream,
};

/// The echo port, as in RFC 862.
pub const ECHO_PORT: Port = Port(7);
/// Bytes that one echo stream returns; enough for many pings, too little to be of use as a reflector.
const ECHO_BYTES: u64 = 64 * 1024;
/// Streams echoed at once; more are refused by their reset.
const ECHO_STREAMS: usize = 64;

/// What a ping showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Round-trip times, in order.
    pub rtts: Vec<Duration>,
    /// The routes of the session, the active one first.
    pub routes: Vec<RouteInfo>,
}

/// Echoes until the node stops.
pub(crate) async fn serve(mut listener: Listener) {
    let mut streams = JoinSet::new();
    while let Some(incoming) = listener.accept().await {
        while streams.try_join_next().is_some() {}
        if streams.len() < ECHO_STREAMS {
            streams.spawn(timeout(DIAL_TIMEOUT * 4, echo(incoming.stream)));
        }
    }
}

async fn echo(stream: OverlayStream) -> std::io::Result<()> {
    let (receive, mut send) = tokio::io::split(stream);
    tokio::io::copy(&mut receive.take(ECHO_BYTES), &mut send).await?;
    send.shutdown().await
}

/// Sends `count` small messages to a node, one after the other.
pub(crate) async fn ping(
    dialer: &Dialer,
    peer: PublicKey,
    choice: PathChoice,
    count: u32,
) -> Result<Ping, Problem> {
    let to = OverlayAddress { key: peer, port: ECHO_PORT };
    let (mut stream, routes) = dialer.dial(to, choice).await?;
    let mut rtts = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        let exchange = async {
            stream.write_all(&[0; 64]).await?;
            stream.flush().await?;
            stream.read_exact(&mut [0; 64]).await
        };
        let what = || format!("cannot ping {}", peer.short());
        let done = timeout(DIAL_TIMEOUT, exchange).await;
        let done = done.map_err(|_| Problem::new(Code::Timeout, what(), "no answer to a message"))?;
        done.map_err(|error| Problem::new(Code::RouteLost, what(), error))?;
        rtts.push(started.elapsed());
    }
    // The answer to the last message was read: how the stream ends is of no concern.
    let _ = stream.shutdown().await;
    Ok(Ping { rtts, routes })
}
