//! A child that is one or more messaging clients: what they send, dial and measure.

mod directory;
mod streams;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use byway_base::{PublicKey, SecretKey};
use byway_messaging_client::{Config, MessagingClient, PeerConnections, Protocol, ServerAddress, Status};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Answer, node::now_us, stream::Place};

/// The protocol of the connections between clients here.
const ALPN: &[u8] = b"byway-bench/1";
/// Time for all clients of a process to be connected and known.
const READY: Duration = Duration::from_secs(120);
/// Clients that connect at the same time.
const AT_ONCE: usize = 16;
/// How often the directory is asked whether it knows a client.
const LOOK: Duration = Duration::from_millis(20);

/// What messaging clients are told to do.
#[derive(Serialize, Deserialize)]
pub(crate) enum ClientCommand {
    /// Become so many clients that accept streams; waits until each is connected to all its servers, and known to the
    /// directory if there is one. Tells their keys.
    Start { plan: ClientPlan, count: usize },
    /// Send over so many streams of one connection, from the first client.
    Send { to: PublicKey, streams: u32, bytes: u64 },
    /// Send small messages from the first client and wait for each.
    Ping { to: PublicKey, count: u32 },
    /// Time a connection and a stream from the first client to each of these, to whom there was none before.
    Dial { to: Vec<PublicKey> },
    /// When each client that had lost its servers was connected again, at last.
    Returns,
}

/// What the clients of a child should be.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ClientPlan {
    /// Servers named by configuration; each client stays connected to all of them and to no other.
    pub(crate) servers: Vec<Place>,
    /// Whether the clients are to be connected to their servers by QUIC.
    pub(crate) quic: bool,
    /// Base URL of messaging discovery.
    pub(crate) discovery: Option<String>,
    /// Whether the directory's word about other servers is kept from the clients, so that they cannot connect to those.
    pub(crate) confined: bool,
}

impl ClientPlan {
    fn protocol(&self) -> Protocol {
        if self.quic { Protocol::Quic } else { Protocol::Tcp }
    }
}

/// The clients of this process.
#[derive(Default)]
pub(super) struct Clients {
    clients: Vec<MessagingClient>,
    /// By client.
    returns: Arc<Mutex<BTreeMap<usize, u64>>>,
}

impl Clients {
    pub(super) async fn obey(&mut self, command: ClientCommand) -> Result<Answer> {
        if let ClientCommand::Start { plan, count } = command {
            return timeout(READY, self.start(&plan, count))
                .await
                .context("not all clients are connected")?;
        }
        let first = self.clients.first().context("there is no client yet")?;
        match command {
            ClientCommand::Start { .. } => Ok(Answer::default()),
            ClientCommand::Send { to, streams, bytes } => streams::send(first, to, streams, bytes).await,
            ClientCommand::Ping { to, count } => streams::ping(first, to, count).await,
            ClientCommand::Dial { to } => {
                let mut times_us = Vec::new();
                for peer in to {
                    let started = Instant::now();
                    let _connection = streams::dial(first, peer).await?;
                    times_us.push(started.elapsed().as_secs_f64() * 1e6);
                }
                Ok(Answer { times_us, ..Answer::default() })
            }
            ClientCommand::Returns => {
                let returns = self.returns.lock().unwrap_or_else(PoisonError::into_inner);
                let happened_us = returns.values().copied().collect();
                Ok(Answer { happened_us, ..Answer::default() })
            }
        }
    }

    async fn start(&mut self, plan: &ClientPlan, count: usize) -> Result<Answer> {
        let mut keys = Vec::new();
        for place in 0..count {
            let client = start(plan)?;
            keys.push(client.key());
            tokio::spawn(streams::serve(accept(&client)?));
            self.clients.push(client);
            // In groups: who waits long for an answer over TCP tries QUIC.
            if place % AT_ONCE == AT_ONCE - 1 {
                self.connected(plan, place + 1 - AT_ONCE..place + 1).await?;
            }
        }
        self.connected(plan, count - count % AT_ONCE..count).await?;
        Ok(Answer { keys, ..Answer::default() })
    }

    /// Waits until these clients are connected and listed.
    async fn connected(&self, plan: &ClientPlan, which: std::ops::Range<usize>) -> Result<()> {
        for place in which {
            let client = &self.clients[place];
            let everywhere = |status: &Status| status.delegated.len() == plan.servers.len();
            let status = client.watch().wait_for(everywhere).await?.clone();
            let mut protocols = status.servers.iter().filter_map(|server| server.protocol);
            ensure!(protocols.all(|used| used == plan.protocol()), "connected by another protocol");
            while plan.discovery.is_some() && client.look_up(&[client.key()]).await?.is_empty() {
                sleep(LOOK).await;
            }
            tokio::spawn(note_returns(place, client.watch(), self.returns.clone()));
        }
        Ok(())
    }
}

fn start(plan: &ClientPlan) -> Result<MessagingClient> {
    let identity = SecretKey::from_seed(rand::random());
    let mut config = Config::new(identity.clone());
    let server = |place: &Place| {
        let key = place.key.context("a messaging server has a key")?;
        Ok(ServerAddress { key, address: place.address })
    };
    config.servers = plan.servers.iter().map(server).collect::<Result<_>>()?;
    config.servers_wanted = config.servers.len();
    config.prefer = plan.protocol();
    config.alpns = vec![ALPN];
    if let Some(url) = &plan.discovery {
        config.directory = Some(directory::open(url, &identity, plan.confined)?);
    }
    // The clients live as long as the process.
    Ok(MessagingClient::start(config, CancellationToken::new())?)
}

fn accept(client: &MessagingClient) -> Result<PeerConnections> {
    Ok(client.accept(ALPN)?)
}

/// Notes when a client that was connected to no server is connected again.
async fn note_returns(
    place: usize,
    mut status: watch::Receiver<Status>,
    returns: Arc<Mutex<BTreeMap<usize, u64>>>,
) {
    loop {
        if status.wait_for(|status| !status.connected).await.is_err()
            || status.wait_for(|status| status.connected).await.is_err()
        {
            return;
        }
        returns.lock().unwrap_or_else(PoisonError::into_inner).insert(place, now_us());
    }
}
