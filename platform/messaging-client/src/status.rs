//! What a client reports about itself.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use byway_base::{Moment, Problem, PublicKey};
use byway_messaging::{ClientCore, LinkState, ServerView};
use parking_lot::Mutex;

use crate::{
    hub::Hub,
    protocol::{Protocol, Spot},
};

/// A snapshot of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whose client it is.
    pub key: PublicKey,
    /// Whether at least one server is connected.
    pub connected: bool,
    /// The servers that the contact record names.
    pub delegated: Vec<PublicKey>,
    /// Every server that is connected, being connected, or configured.
    pub servers: Vec<ServerStatus>,
    /// Peers that were reached through two servers lately, because none is common.
    pub relayed: Vec<RelayedPeer>,
    /// What does not work at present.
    pub problems: Vec<Problem>,
}

/// One server of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStatus {
    /// Its key.
    pub key: PublicKey,
    /// What is connected to; otherwise the first address that it gives.
    pub address: SocketAddr,
    /// Where it stands or who runs it; empty if unknown.
    pub region: String,
    /// The state of the connection.
    pub state: ServerState,
    /// Whether the client stays connected to it; others serve single peers.
    pub home: bool,
    /// What carries the connection, while there is one.
    pub protocol: Option<Protocol>,
    /// The last measured round trip.
    pub rtt: Option<Duration>,
    /// Why it is not connected, if that was tried.
    pub problem: Option<Problem>,
}

/// A peer that is reached through two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayedPeer {
    /// Its key.
    pub peer: PublicKey,
    /// The client's own server.
    pub via: PublicKey,
    /// The peer's.
    pub at: PublicKey,
}

/// The state of the connection to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// Not connected; an attempt comes when it is needed and the pause is over.
    Down,
    /// Being connected.
    Connecting,
    /// Connected.
    Up,
    /// Connected, but about to be left because it drains.
    Draining,
}

impl Status {
    /// Why no server is connected, for a readiness check.
    #[must_use]
    pub fn why_not_connected(&self) -> String {
        let first = self.problems.first();
        first.map_or_else(|| "no messaging server is connected".to_owned(), Problem::to_string)
    }

    /// The present state of what the hub holds, with the problems of the board.
    pub(crate) fn present(hub: &Hub, board: &Board) -> Self {
        let (key, spots) = (hub.identity.public(), hub.spots());
        hub.with_core(|core, now| Self::of(key, core, now, board, &spots))
    }

    fn of(
        key: PublicKey,
        core: &ClientCore,
        now: Moment,
        board: &Board,
        spots: &BTreeMap<PublicKey, Spot>,
    ) -> Self {
        let relayed = core.relayed_peers(now).map(|(peer, via, at)| RelayedPeer { peer, via, at });
        Self {
            key,
            connected: core.is_connected(),
            delegated: core.delegated().to_vec(),
            servers: core
                .servers()
                .filter_map(|view| {
                    let (spot, problem) = (spots.get(&view.info.key), board.get(&topic(view.info.key)));
                    ServerStatus::of(view, spot.copied(), problem)
                })
                .collect(),
            relayed: relayed.collect(),
            problems: board.problems(),
        }
    }
}

impl ServerStatus {
    fn of(view: ServerView, spot: Option<Spot>, problem: Option<Problem>) -> Option<Self> {
        let state = match view.link {
            LinkState::Down { .. } => ServerState::Down,
            LinkState::Connecting => ServerState::Connecting,
            LinkState::Up if view.draining => ServerState::Draining,
            LinkState::Up => ServerState::Up,
        };
        let info = view.info;
        Some(Self {
            key: info.key,
            address: match spot {
                Some(spot) => spot.address,
                None => *info.addresses.first().or(info.udp.first())?,
            },
            region: info.region,
            state,
            home: view.home,
            protocol: spot.map(|spot| spot.protocol),
            rtt: view.rtt,
            problem,
        })
    }
}

/// The topic of what keeps a server from being connected.
pub(crate) fn topic(server: PublicKey) -> String {
    format!("server {}", server.short())
}

/// The topic of whatever keeps the directory from answering. Shared by all who ask it, since the next answer to any of
/// them shows that it is over.
pub(crate) const DIRECTORY: &str = "directory";

/// Problems that last, one per topic. Logs each once when it appears and once when it is over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    problems: Arc<Mutex<BTreeMap<String, Problem>>>,
}

impl Board {
    /// States the problem of a topic, or that there is none.
    pub(crate) fn set(&self, topic: &str, problem: Option<Problem>) {
        let mut problems = self.problems.lock();
        match problem {
            Some(problem) => {
                let known = problems.get(topic).is_some_and(|known| known.code == problem.code);
                if !known {
                    tracing::warn!(topic, %problem, "messaging problem");
                }
                problems.insert(topic.to_owned(), problem);
            }
            None if problems.remove(topic).is_some() => tracing::info!(topic, "messaging problem is over"),
            None => {}
        }
    }

    /// The problem of a topic, if there is one.
    fn get(&self, topic: &str) -> Option<Problem> {
        self.problems.lock().get(topic).cloned()
    }

    /// Every problem, by topic.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.problems.lock().values().cloned().collect()
    }
}
