//! A child that is a node: what it opens, sends and measures.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, ensure};
use byway_base::{OverlayAddress, Policy, Port, PublicKey, SecretKey, TransportType};
use byway_node::{Config, Listener, Node, NodeEvent, OverlayStream, PathChoice, ServiceAddress, Wanted};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::broadcast,
    task::JoinSet,
    time::timeout,
};

use super::{
    Answer, CHUNK,
    source::{self, RequestPlan},
};

/// The app here reads each stream to its end.
const READER: Port = Port(9);
/// The app here accepts streams and never reads.
const DEAD_READER: Port = Port(8);
/// From here on, apps that wait for what never comes; each port makes a session of its own.
const IDLE: u16 = 1_000;
/// A stream that took nothing for this long is full.
const FULL: Duration = Duration::from_millis(500);

/// What a node is told to do.
#[derive(Serialize, Deserialize)]
pub(crate) enum NodeCommand {
    /// Become a node.
    Start(Box<NodePlan>),
    /// Wait until a transport to each of these is up.
    AwaitTransports { peers: Vec<PublicKey> },
    /// Send over a session of its own for each policy, to an app that reads, all at once.
    Send { to: PublicKey, policies: Vec<String>, bytes: u64 },
    /// Send small messages and wait for each, over a session of its own for each policy, all at once.
    Ping { to: PublicKey, policies: Vec<String>, count: u32 },
    /// Send over a session that has a spare; tells when it went over to another route.
    SendSwitching { to: PublicKey, policy: String, bytes: u64 },
    /// Wait for a spare; tells the first node of each of the session's routes, the active one's first.
    AwaitSpare { to: PublicKey, policy: String },
    /// Time whole dials: path, route over all nodes, session, stream.
    Dial { to: PublicKey, policy: String, count: u32 },
    /// Open a stream to an app, one that never reads if so told, and keep it.
    Keep { to: PublicKey, policy: String, dead_reader: bool },
    /// Send over the stream kept last until it takes no more.
    Fill,
    /// Let apps wait at so many ports.
    ListenIdle { count: u16 },
    /// Open a session to each of so many ports, and keep it.
    OpenIdle { to: PublicKey, count: u16 },
}

/// What a node child should be.
#[derive(Serialize, Deserialize)]
pub(crate) struct NodePlan {
    pub(crate) transport_discovery: String,
    pub(crate) route_finder: String,
    pub(crate) messaging_discovery: String,
    pub(crate) setup_node: PublicKey,
    pub(crate) listen: SocketAddr,
    pub(crate) dial: Vec<(String, PublicKey, Option<SocketAddr>)>,
}

/// The node of this process and what it keeps open.
#[derive(Default)]
pub(super) struct Member {
    node: Option<(Node, SecretKey)>,
    kept: Vec<OverlayStream>,
}

impl Member {
    pub(super) fn node(&self) -> Option<&Node> {
        self.node.as_ref().map(|(node, _)| node)
    }

    /// Asks a setup node for routes.
    pub(super) async fn request(&self, plan: RequestPlan) -> Result<Answer> {
        let (node, secret) = self.node.as_ref().context("there is no node yet")?;
        source::ask(node, secret, plan).await
    }

    pub(super) async fn obey(&mut self, command: NodeCommand) -> Result<Answer> {
        if let NodeCommand::Start(plan) = command {
            return self.start(*plan).await;
        }
        let node = self.node().cloned().context("there is no node yet")?;
        match command {
            NodeCommand::Start(_) => Ok(Answer::default()),
            NodeCommand::AwaitTransports { peers } => {
                while !peers.iter().all(|peer| node.transports().iter().any(|info| info.peer == *peer)) {
                    node.transports_changed().await;
                }
                Ok(Answer::default())
            }
            NodeCommand::Send { to, policies, bytes } => send(&node, to, policies, bytes).await,
            NodeCommand::Ping { to, policies, count } => ping(&node, to, policies, count).await,
            NodeCommand::SendSwitching { to, policy, bytes } => {
                send_switching(&node, to, &policy, bytes).await
            }
            NodeCommand::AwaitSpare { to, policy } => self.await_spare(&node, to, &policy).await,
            NodeCommand::Dial { to, policy, count } => dial(&node, to, &policy, count).await,
            NodeCommand::Keep { to, policy, dead_reader } => {
                let to = OverlayAddress { key: to, port: if dead_reader { DEAD_READER } else { READER } };
                self.kept.push(node.dial(to, choice(&policy)?).await?.0);
                Ok(Answer::default())
            }
            NodeCommand::Fill => fill(self.kept.last_mut().context("there is no stream yet")?).await,
            NodeCommand::ListenIdle { count } => {
                for port in (IDLE..).take(usize::from(count)) {
                    tokio::spawn(hold(node.listen(Port(port))?));
                }
                Ok(Answer::default())
            }
            NodeCommand::OpenIdle { to, count } => {
                for port in (IDLE..).take(usize::from(count)) {
                    let to = OverlayAddress { key: to, port: Port(port) };
                    self.kept.push(node.dial(to, choice("disjoint=1")?).await?.0);
                }
                Ok(Answer::default())
            }
        }
    }

    async fn start(&mut self, plan: NodePlan) -> Result<Answer> {
        let service = |url| Some(ServiceAddress { url, key: None });
        let secret = SecretKey::from_seed(rand::random());
        let mut config = Config::new(secret.clone());
        config.listen = Some(plan.listen);
        config.quic_listen = Some(plan.listen);
        config.transport_discovery = service(plan.transport_discovery);
        config.route_finder = service(plan.route_finder);
        config.messaging_discovery = vec![plan.messaging_discovery];
        config.trusted_setup_nodes = vec![plan.setup_node];
        // What is measured is the transports that the plan names.
        config.traversal.enabled = false;
        for (kind, peer, address) in plan.dial {
            config.transports.push(Wanted {
                kind: TransportType::new(&kind)?,
                peer,
                address: address.map(Into::into),
            });
        }
        let node = Node::start(config).await?;
        tokio::spawn(read(node.listen(READER)?));
        tokio::spawn(hold(node.listen(DEAD_READER)?));
        let text =
            |address: Option<SocketAddr>| address.map(|address| address.to_string()).unwrap_or_default();
        let (address, quic_address) = (text(node.listen_address()), text(node.quic_listen_address()));
        let answer = Answer { address, quic_address, key: Some(node.key()), ..Answer::default() };
        self.node = Some((node, secret));
        Ok(answer)
    }

    async fn await_spare(&mut self, node: &Node, to: PublicKey, policy: &str) -> Result<Answer> {
        let to = OverlayAddress { key: to, port: READER };
        // The stream keeps the session.
        self.kept.push(node.dial(to, choice(policy)?).await?.0);
        loop {
            let session = node.sessions().into_iter().find(|session| session.to == to);
            let routes = session.map(|session| session.routes).unwrap_or_default();
            if routes.len() > 1 {
                let keys = routes.iter().filter_map(|route| route.hops.first()).map(|hop| hop.to).collect();
                return Ok(Answer { keys, ..Answer::default() });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn choice(policy: &str) -> Result<PathChoice> {
    Ok(PathChoice::by_policy(&policy.parse::<Policy>()?))
}

/// Reads each stream to its end, then says how much came and the longest time in which nothing did.
async fn read(mut listener: Listener) {
    while let Some(mut incoming) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = vec![0; CHUNK];
            let (mut bytes, mut longest, mut last) = (0, Duration::ZERO, None::<Instant>);
            loop {
                let count = incoming.stream.read(&mut buffer).await?;
                let now = Instant::now();
                longest = last.map_or(longest, |last| longest.max(now - last));
                last = Some(now);
                if count == 0 {
                    break;
                }
                bytes += count as u64;
            }
            incoming.stream.write_u64(bytes).await?;
            incoming.stream.write_u64(longest.as_micros() as u64).await?;
            incoming.stream.shutdown().await
        });
    }
}

async fn fill(stream: &mut OverlayStream) -> Result<Answer> {
    let (chunk, mut bytes) = (vec![0x5a; CHUNK], 0);
    while let Ok(written) = timeout(FULL, stream.write(&chunk)).await {
        bytes += written? as u64;
    }
    Ok(Answer { bytes, ..Answer::default() })
}

/// Accepts streams and does nothing with them.
async fn hold(mut listener: Listener) {
    let mut held = Vec::new();
    while let Some(incoming) = listener.accept().await {
        held.push(incoming);
    }
}

async fn send(node: &Node, to: PublicKey, policies: Vec<String>, bytes: u64) -> Result<Answer> {
    let each = bytes / policies.len().max(1) as u64;
    let mut streams = Vec::new();
    for policy in &policies {
        streams.push(node.dial(OverlayAddress { key: to, port: READER }, choice(policy)?).await?.0);
    }
    let started = Instant::now();
    let mut transfers: JoinSet<Result<f64>> =
        streams.into_iter().map(|stream| transfer(stream, each)).collect();
    let mut pause_us = 0.0_f64;
    while let Some(done) = transfers.join_next().await {
        pause_us = pause_us.max(done??);
    }
    Ok(Answer { bytes, seconds: started.elapsed().as_secs_f64(), pause_us, ..Answer::default() })
}

/// Sends all of it and waits until the other end says that it has it; returns its longest pause in µs.
async fn transfer(mut stream: OverlayStream, bytes: u64) -> Result<f64> {
    let chunk = vec![0x5a; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let count = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
        stream.write_all(&chunk[..count]).await?;
        left -= count as u64;
    }
    stream.shutdown().await?;
    let arrived = stream.read_u64().await?;
    ensure!(arrived == bytes, "{arrived} of {bytes} bytes arrived");
    Ok(stream.read_u64().await? as f64)
}

async fn ping(node: &Node, to: PublicKey, policies: Vec<String>, count: u32) -> Result<Answer> {
    let mut pings = JoinSet::new();
    for policy in policies {
        let (node, choice) = (node.clone(), choice(&policy)?);
        pings.spawn(async move { node.ping(to, choice, count).await });
    }
    let mut times_us = Vec::new();
    while let Some(done) = pings.join_next().await {
        times_us.extend(done??.rtts.iter().map(|rtt| rtt.as_secs_f64() * 1e6));
    }
    Ok(Answer { times_us, ..Answer::default() })
}

async fn send_switching(node: &Node, to: PublicKey, policy: &str, bytes: u64) -> Result<Answer> {
    let (stream, _) = node.dial(OverlayAddress { key: to, port: READER }, choice(policy)?).await?;
    let watch = tokio::spawn(first_switch(node.events()));
    let started = Instant::now();
    let pause_us = transfer(stream, bytes).await?;
    let seconds = started.elapsed().as_secs_f64();
    watch.abort();
    let happened_us = watch.await.ok().flatten().into_iter().collect();
    Ok(Answer { bytes, seconds, pause_us, happened_us, ..Answer::default() })
}

/// When a session went over to another route for a reason.
async fn first_switch(mut events: broadcast::Receiver<NodeEvent>) -> Option<u64> {
    loop {
        if let NodeEvent::RouteSwitched { reason: Some(_), .. } = events.recv().await.ok()? {
            return Some(now_us());
        }
    }
}

/// Microseconds since 1970.
pub(crate) fn now_us() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_micros() as u64)
}

/// Every policy text is a session of its own.
async fn dial(node: &Node, to: PublicKey, policy: &str, count: u32) -> Result<Answer> {
    let mut times_us = Vec::new();
    for number in 0..count {
        let policy = format!("{policy} hops<={} disjoint=1", 16 - number % 8);
        let port = if number < 8 { READER } else { byway_node::ECHO_PORT };
        let started = Instant::now();
        drop(node.dial(OverlayAddress { key: to, port }, choice(&policy)?).await?);
        times_us.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(Answer { times_us, ..Answer::default() })
}
