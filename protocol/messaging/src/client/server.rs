//! One messaging server as a client knows it, and how attractive it is.

use std::{net::SocketAddr, time::Duration};

use byway_base::{Moment, PublicKey};
use byway_wire::RecordBody;

/// Where a client heard of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The client's own configuration names it.
    Configured,
    /// Messaging discovery lists it.
    Discovered,
}

/// A server is only moved to for its round trip if that is shorter by this, and by a third: what a person may notice.
const NEARER: Duration = Duration::from_millis(10);

/// What is known about a server before connecting to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its key.
    pub key: PublicKey,
    /// Where it listens for TLS over TCP.
    pub addresses: Vec<SocketAddr>,
    /// Where it listens for QUIC, and answers STUN.
    pub udp: Vec<SocketAddr>,
    /// Where it stands or who runs it; empty if unknown.
    pub region: String,
    /// Clients that it can hold; zero if unknown.
    pub capacity: u32,
    /// Clients that it holds.
    pub clients: u32,
    /// It will stop soon.
    pub draining: bool,
    /// Where this is known from.
    pub origin: Origin,
}

impl ServerInfo {
    /// A server of which configuration gives no more than this. It is assumed to listen at the same port of UDP.
    #[must_use]
    pub fn configured(key: PublicKey, address: SocketAddr) -> Self {
        Self {
            key,
            addresses: vec![address],
            udp: vec![address],
            region: String::new(),
            capacity: 0,
            clients: 0,
            draining: false,
            origin: Origin::Configured,
        }
    }

    /// What a verified contact record says; `None` if it is not a server's, or the server gives no address.
    #[must_use]
    pub fn discovered(key: PublicKey, body: &RecordBody) -> Option<Self> {
        let RecordBody::Server { addresses, udp, capacity, clients, region, draining } = body else {
            return None;
        };
        if addresses.is_empty() && udp.is_empty() {
            return None;
        }
        Some(Self {
            key,
            addresses: addresses.clone(),
            udp: udp.clone(),
            region: region.clone(),
            capacity: *capacity,
            clients: *clients,
            draining: *draining,
            origin: Origin::Discovered,
        })
    }
}

/// The state of the connection to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// No connection, and none before this moment.
    Down {
        /// End of the pause after the last failure.
        until: Moment,
    },
    /// A connection is being opened.
    Connecting,
    /// Connected.
    Up,
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) info: ServerInfo,
    pub(super) link: LinkState,
    /// One of those that the client stays connected to and names in its record.
    pub(super) home: bool,
    /// The last round trip that was measured.
    pub(super) rtt: Option<Duration>,
    /// The round trip without the queues that happen to be on the way: falls at once, and rises slowly.
    pub(super) near: Option<Duration>,
    /// When its round trip was last sought without a connection.
    pub(super) probed: Option<Moment>,
    /// Nothing comes back over the connection at present.
    pub(super) late: bool,
    /// Connections in a row that failed or did not hold.
    pub(super) failures: u32,
    /// When the connection came up.
    pub(super) since: Moment,
    /// When a peer was last reached, or sought, through it.
    pub(super) used: Moment,
    /// The server itself said that it drains, or its record did.
    pub(super) draining: bool,
}

impl Server {
    pub(super) fn new(info: ServerInfo) -> Self {
        Self {
            draining: info.draining,
            info,
            link: LinkState::Down { until: Moment::ZERO },
            home: false,
            rtt: None,
            near: None,
            probed: None,
            late: false,
            failures: 0,
            since: Moment::ZERO,
            used: Moment::ZERO,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.link == LinkState::Up
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.link, LinkState::Down { .. })
    }

    /// Its record says that it takes no more clients.
    pub(super) fn is_full(&self) -> bool {
        self.info.capacity > 0 && self.info.clients >= self.info.capacity
    }

    pub(super) fn may_dial(&self, now: Moment) -> bool {
        matches!(self.link, LinkState::Down { until } if until <= now)
    }

    /// A round trip was measured.
    pub(super) fn measured(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
        self.near = Some(match self.near {
            Some(near) if rtt > near => near + (rtt - near) / 8,
            _ => rtt,
        });
    }

    /// The round trip for comparison; an unknown one comes last.
    pub(super) fn trip(&self) -> Duration {
        self.near.unwrap_or(Duration::MAX)
    }

    /// Its load in quarters, so that small differences do not herd everyone to one server.
    fn load(&self) -> u64 {
        match self.info.capacity {
            0 => 0,
            capacity => u64::from(self.info.clients) * 4 / u64::from(capacity),
        }
    }

    fn region_is_taken(&self, taken: &[&str]) -> bool {
        !self.info.region.is_empty() && taken.contains(&self.info.region.as_str())
    }

    /// How little it attracts as a home; the least wins. Whoever failed just now comes last. Then a region of its own
    /// counts, since that is what survives an operator's bad day; then free places; then a short round trip; and at last a
    /// draw that differs from client to client.
    pub(super) fn rank(&self, taken_regions: &[&str], own: &PublicKey) -> impl Ord + use<> {
        // Unknown counts as a middling 60 ms; steps of 20 ms keep noise out.
        let rtt = self.near.map_or(3, |rtt| rtt.as_millis() / 20);
        let failing = self.failures > 0 && !self.is_up();
        (failing, self.region_is_taken(taken_regions), self.load(), rtt, draw(own, &self.info.key))
    }

    /// Whether it is so much better a home than `other` that moving is worth it. `taken_regions` are those of the homes
    /// that stay. The margins are wide: a move that leads back is worse than none.
    pub(super) fn is_clearly_better(&self, other: &Self, taken_regions: &[&str]) -> bool {
        let (taken, others) = (self.region_is_taken(taken_regions), other.region_is_taken(taken_regions));
        let (load, others_load) = (self.load(), other.load());
        if taken != others {
            return others && load <= others_load + 1;
        }
        if load + 2 <= others_load {
            return true;
        }
        let (Some(near), Some(others_near)) = (self.near, other.near) else { return false };
        load <= others_load && near + NEARER <= others_near && near * 3 <= others_near * 2
    }
}

/// A number that two keys agree on and nobody else shares; spreads clients over equal servers.
fn draw(own: &PublicKey, server: &PublicKey) -> u64 {
    let bytes = own.as_bytes().iter().zip(server.as_bytes());
    // FNV-1a over both: even enough for a draw, and nothing depends on its being hard to predict.
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, (a, b)| {
        (hash ^ (u64::from(*a) << 8 | u64::from(*b))).wrapping_mul(0x0100_0000_01b3)
    })
}
