//! A client's choices: which servers to stay connected to, and through which one a peer is reached.
//!
//! The shell reports what happened (a link came up, a server said that a peer is not there, a record arrived), carries
//! out the [`Effect`]s, and asks [`ClientCore::way`] for each datagram. A way that breaks is replaced by the next best
//! at the next datagram: above, QUIC sees a few lost packets and no more.

mod held;
mod homes;
mod news;
mod peer;
mod random;
mod redial;
mod server;
mod ways;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use byway_base::{Moment, PublicKey, limits::RECORD_ENTRIES};

use crate::recent::Recent;
use held::Held;
use homes::Scout;
use peer::{Hop, Peer};
use random::Random;
use server::Server;
pub use server::{LinkState, Origin, ServerInfo};
pub use ways::{Unreachable, Way};

/// Peers remembered by one client.
const PEERS: usize = 16_384;
/// Servers remembered by one client.
const SERVERS: usize = 1_024;

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection; answer with [`ClientCore::link_up`] or [`ClientCore::link_down`].
    Connect {
        /// Who must answer there.
        server: PublicKey,
        /// Where it listens for TLS over TCP.
        tcp: Vec<SocketAddr>,
        /// Where it listens for QUIC.
        udp: Vec<SocketAddr>,
    },
    /// Close the connection, or stop opening it; no answer.
    Disconnect {
        /// To whom.
        server: PublicKey,
    },
    /// Measure the round trip to a server that is not connected, without becoming its client; answer with
    /// [`ClientCore::probed`] within a few seconds.
    Probe {
        /// Which.
        server: PublicKey,
        /// Where it listens for TLS over TCP.
        tcp: Vec<SocketAddr>,
    },
    /// Ask the directory for a record; answer with [`ClientCore::record_found`], [`ClientCore::record_absent`] or
    /// [`ClientCore::look_up_failed`]. Look-ups that come together are best asked together.
    LookUp {
        /// Whose.
        key: PublicKey,
    },
    /// The servers through which the client can be reached changed: publish them.
    Publish {
        /// At most [`RECORD_ENTRIES`], in the order of their keys.
        servers: Vec<PublicKey>,
    },
}

/// A server as reports show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// What is known about it.
    pub info: ServerInfo,
    /// The state of the connection.
    pub link: LinkState,
    /// Whether the client stays connected to it.
    pub home: bool,
    /// The last measured round trip.
    pub rtt: Option<Duration>,
    /// Whether it will stop soon.
    pub draining: bool,
}

/// One client of messaging.
#[derive(Debug)]
pub struct ClientCore {
    own: PublicKey,
    wanted: usize,
    servers: BTreeMap<PublicKey, Server>,
    peers: Recent<PublicKey, Peer>,
    effects: VecDeque<Effect>,
    published: Vec<PublicKey>,
    published_at: Moment,
    /// A lost home is not replaced by a new connection before this.
    replace_at: Moment,
    scout: Scout,
    held: Held,
    random: Random,
}

impl ClientCore {
    /// A client with the key `own` that stays connected to `wanted` servers. It knows none yet. `seed` is any number, another
    /// for each client: it spreads them over time.
    #[must_use]
    pub fn new(own: PublicKey, wanted: usize, seed: u64) -> Self {
        Self {
            own,
            wanted: wanted.clamp(1, RECORD_ENTRIES),
            servers: BTreeMap::new(),
            peers: Recent::new(PEERS),
            effects: VecDeque::new(),
            published: Vec::new(),
            published_at: Moment::ZERO,
            replace_at: Moment::ZERO,
            scout: Scout::default(),
            held: Held::default(),
            random: Random::new(seed),
        }
    }

    /// What is to be done next, until `None`.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether [`ClientCore::poll_effect`] would return something.
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// Whether the connection to `server` counts as established.
    #[must_use]
    pub fn is_up(&self, server: &PublicKey) -> bool {
        self.servers.get(server).is_some_and(Server::is_up)
    }

    /// Takes in what discovery lists, or configuration names. Servers that discovery no longer lists are kept while they
    /// are connected, since they may outlive it.
    pub fn learn_servers(&mut self, infos: impl IntoIterator<Item = ServerInfo>, now: Moment) {
        for info in infos {
            self.learn(info);
        }
        self.tend(now);
    }

    /// Peers that were reached through two servers lately: each, the own server, and its.
    pub fn relayed_peers(&self, now: Moment) -> impl Iterator<Item = (PublicKey, PublicKey, PublicKey)> {
        self.peers.iter().filter_map(move |(key, peer)| match peer.heard? {
            Hop::Relayed { via, at } if peer.is_relayed(now) => Some((*key, via, at)),
            _ => None,
        })
    }

    fn learn(&mut self, info: ServerInfo) {
        if let Some(server) = self.servers.get_mut(&info.key) {
            server.draining = info.draining || (server.draining && server.is_up());
            // A configured server stays one, but what its own record says is fresher.
            let origin =
                if server.info.origin == Origin::Configured { Origin::Configured } else { info.origin };
            server.info = ServerInfo { origin, ..info };
            return;
        }
        if self.servers.len() >= SERVERS {
            let idle = |server: &Server| server.is_down() && server.info.origin == Origin::Discovered;
            let Some(key) = self.servers.values().find(|server| idle(server)).map(|server| server.info.key)
            else {
                return;
            };
            self.servers.remove(&key);
        }
        self.servers.insert(info.key, Server::new(info));
    }

    /// The connection to a server is established.
    pub fn link_up(&mut self, server: PublicKey, now: Moment) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.link = LinkState::Up;
            server.late = false;
            (server.used, server.since) = (now, now);
        }
        self.tend(now);
    }

    /// The connection to a server ended or could not be opened. The next attempt comes after a pause.
    pub fn link_down(&mut self, key: PublicKey, now: Moment) {
        if let Some(server) = self.servers.get_mut(&key) {
            let held = server.is_up() && now - server.since >= redial::LIVED;
            server.failures = if held { 1 } else { server.failures.saturating_add(1) };
            let until = now + redial::pause(&server.info, server.failures, &mut self.random);
            if server.is_up() && server.home && !server.draining {
                // One draw for both: the later of two would bring the clients together again.
                self.replace_at = match server.failures {
                    1 => until,
                    _ => now + self.random.between(Duration::ZERO, redial::spread(&server.info)),
                };
            }
            server.link = LinkState::Down { until };
            server.home = false;
            // Whoever comes back no longer drains, or will say so.
            server.draining = false;
        }
        self.tend(now);
    }

    /// The connection to a server that was asked to end by [`Effect::Disconnect`] did so, though it may have come up just
    /// then.
    pub fn link_closed(&mut self, server: PublicKey, now: Moment) {
        if let Some(server) = self.servers.get_mut(&server).filter(|server| server.is_up()) {
            server.link = LinkState::Down { until: now };
            server.home = false;
        }
        self.tend(now);
    }

    /// Whether nothing comes back over the connection to a server at present: other ways are preferred meanwhile.
    pub fn link_late(&mut self, server: PublicKey, late: bool) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.late = late;
        }
    }

    /// A round trip to a server was measured.
    pub fn link_rtt(&mut self, server: PublicKey, rtt: Duration) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.measured(rtt);
        }
    }

    /// A server said that it will stop.
    pub fn draining(&mut self, server: PublicKey, now: Moment) {
        if let Some(server) = self.servers.get_mut(&server).filter(|server| !server.draining) {
            server.draining = true;
            server.used = now;
            if server.home {
                let spread = redial::spread(&server.info).min(redial::DRAIN_SPREAD_MAX);
                self.replace_at = now + self.random.between(Duration::ZERO, spread);
            }
        }
        self.tend(now);
    }

    /// Does what the passing of time asks for: call it at [`ClientCore::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Moment) {
        self.tend(now);
    }

    /// When [`ClientCore::handle_timeout`] is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.tend_at()
    }

    /// The servers through which peers reach this client, as last published.
    #[must_use]
    pub fn delegated(&self) -> &[PublicKey] {
        &self.published
    }

    /// Whether it is connected to as many servers as it wants.
    #[must_use]
    pub fn has_enough(&self) -> bool {
        self.published.len() >= self.wanted && self.published.iter().all(|server| self.is_up(server))
    }

    /// Whether at least one server is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.servers.values().any(Server::is_up)
    }

    /// Every server that is known, connected or not.
    pub fn known_servers(&self) -> impl Iterator<Item = &ServerInfo> {
        self.servers.values().map(|server| &server.info)
    }

    /// Every server that is connected, being connected, or configured.
    pub fn servers(&self) -> impl Iterator<Item = ServerView> + '_ {
        let shown = |server: &&Server| !server.is_down() || server.info.origin == Origin::Configured;
        self.servers.values().filter(shown).map(|server| ServerView {
            info: server.info.clone(),
            link: server.link,
            home: server.home,
            rtt: server.rtt,
            draining: server.draining,
        })
    }
}

#[cfg(test)]
mod tests;
