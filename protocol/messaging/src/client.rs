//! A client's choices: which servers to stay connected to, and through which one a peer is reached.
//!
//! The shell reports what happened (a link came up, a server said that a peer is not there, a record arrived), carries
//! out the [`Effect`]s, and asks [`ClientCore::way`] for each datagram. A way that breaks is replaced by the next best
//! at the next datagram: above, QUIC sees a few lost packets and no more.

mod peer;
mod server;
mod ways;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use byway_base::{
    Moment, PublicKey,
    limits::{MESSAGING_IDLE, RECORD_ENTRIES},
};

use crate::recent::Recent;
use peer::{Contact, Peer};
use server::Server;
pub use server::{LinkState, Origin, ServerInfo};
pub use ways::{Unreachable, Way};

/// Peers remembered by one client.
const PEERS: usize = 16_384;
/// Servers remembered by one client.
const SERVERS: usize = 1_024;
/// Links held at once for the sake of single peers, beside those to the client's own servers.
const EXTRA_LINKS: usize = 16;
/// A home that drains is left this long after its replacement was published, so that peers learn of it first.
const LEAVE_AFTER: Duration = Duration::from_secs(2);
/// A server that was left because it drains is not dialled again before this.
const DRAINED_AWAY: Duration = Duration::from_secs(30);

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open a connection; answer with [`ClientCore::link_up`] or [`ClientCore::link_down`].
    Connect {
        /// Who must answer there.
        server: PublicKey,
        /// Where.
        address: SocketAddr,
    },
    /// Close the connection, or stop opening it; no answer.
    Disconnect {
        /// To whom.
        server: PublicKey,
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
}

impl ClientCore {
    /// A client with the key `own` that stays connected to `wanted` servers. It knows none yet.
    #[must_use]
    pub fn new(own: PublicKey, wanted: usize) -> Self {
        Self {
            own,
            wanted: wanted.clamp(1, RECORD_ENTRIES),
            servers: BTreeMap::new(),
            peers: Recent::new(PEERS),
            effects: VecDeque::new(),
            published: Vec::new(),
            published_at: Moment::ZERO,
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
            server.used = now;
        }
        self.tend(now);
    }

    /// The connection to a server ended or could not be opened; the next attempt comes after `pause` at the earliest.
    pub fn link_down(&mut self, server: PublicKey, pause: Duration, now: Moment) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.link = LinkState::Down { until: now + pause };
            server.home = false;
            // Whoever comes back no longer drains, or will say so.
            server.draining = false;
        }
        self.tend(now);
    }

    /// A round trip to a server was measured.
    pub fn link_rtt(&mut self, server: PublicKey, rtt: Duration) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.rtt = Some(rtt);
        }
    }

    /// A server said that it will stop.
    pub fn draining(&mut self, server: PublicKey, now: Moment) {
        if let Some(server) = self.servers.get_mut(&server) {
            server.draining = true;
            server.used = now;
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
        let lacking = self.homes().count() < self.wanted;
        let times = self.servers.values().filter_map(|server| match server.link {
            LinkState::Down { until } => (lacking && !server.draining && !server.is_full()).then_some(until),
            _ if server.home => None,
            _ => Some(self.leave_at(server)),
        });
        times.min()
    }

    /// The servers through which peers reach this client, as last published.
    #[must_use]
    pub fn delegated(&self) -> &[PublicKey] {
        &self.published
    }

    /// Whether at least one server is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.servers.values().any(Server::is_up)
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

    fn homes(&self) -> impl Iterator<Item = &Server> {
        self.servers.values().filter(|server| server.home && !server.draining)
    }

    /// When a connected server that is no home is left: once no peer was reached through it for a while.
    fn leave_at(&self, server: &Server) -> Moment {
        if server.draining && self.is_settled() {
            return self.published_at + LEAVE_AFTER;
        }
        server.used + MESSAGING_IDLE
    }

    /// Enough homes are connected, or as many as there are.
    fn is_settled(&self) -> bool {
        let up = self.homes().filter(|server| server.is_up()).count();
        up > 0 && (up >= self.wanted || !self.servers.values().any(|server| !server.home && !server.draining))
    }

    /// Brings the links in line with what is wanted, then says what changed. Called after everything that happened.
    fn tend(&mut self, now: Moment) {
        self.choose_homes(now);
        self.publish(now);
        self.leave_idle(now);
    }

    fn choose_homes(&mut self, now: Moment) {
        for server in self.servers.values_mut().filter(|server| server.draining) {
            server.home = false;
        }
        while self.homes().count() < self.wanted {
            let regions: Vec<_> = self.homes().map(|server| server.info.region.as_str()).collect();
            let fits = |server: &&Server| {
                let usable = !server.is_down() || (server.may_dial(now) && !server.is_full());
                usable && !server.home && !server.draining
            };
            // Links that exist for a peer's sake are not preferred: the choice is for long.
            let best =
                self.servers.values().filter(fits).min_by_key(|server| server.rank(&regions, &self.own));
            let Some(key) = best.map(|server| server.info.key) else { return };
            self.dial(key, now);
            self.servers.get_mut(&key).expect("it was just chosen").home = true;
        }
    }

    fn dial(&mut self, key: PublicKey, now: Moment) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        server.used = now;
        if server.may_dial(now) {
            server.link = LinkState::Connecting;
            self.effects.push_back(Effect::Connect { server: key, address: server.info.address });
        }
    }

    fn publish(&mut self, now: Moment) {
        let mut servers: Vec<_> = self.homes().filter(|server| server.is_up()).map(|s| s.info.key).collect();
        servers.truncate(RECORD_ENTRIES);
        // A record without servers helps nobody; the last one expires by itself if no server comes back.
        if servers != self.published && !servers.is_empty() {
            self.published.clone_from(&servers);
            self.published_at = now;
            self.effects.push_back(Effect::Publish { servers });
        }
    }

    fn leave_idle(&mut self, now: Moment) {
        let idle = |server: &&Server| !server.home && !server.is_down() && self.leave_at(server) <= now;
        let keys: Vec<_> = self.servers.values().filter(idle).map(|server| server.info.key).collect();
        for key in keys {
            let server = self.servers.get_mut(&key).expect("it was just found");
            // A server that drained comes back some day, and a configured one has no record that would tell.
            let pause = if server.draining { DRAINED_AWAY } else { Duration::ZERO };
            server.draining = server.info.draining;
            server.link = LinkState::Down { until: now + pause };
            self.effects.push_back(Effect::Disconnect { server: key });
        }
    }
}

#[cfg(test)]
mod tests;
