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

/// What is known about a server before connecting to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its key.
    pub key: PublicKey,
    /// Where it listens.
    pub address: SocketAddr,
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
    /// A server of which configuration gives no more than this.
    #[must_use]
    pub fn configured(key: PublicKey, address: SocketAddr) -> Self {
        let region = String::new();
        let origin = Origin::Configured;
        Self { key, address, region, capacity: 0, clients: 0, draining: false, origin }
    }

    /// What a verified contact record says; `None` if it is not a server's.
    #[must_use]
    pub fn discovered(key: PublicKey, body: &RecordBody) -> Option<Self> {
        let RecordBody::Server { addresses, capacity, clients, region, draining, .. } = body else {
            return None;
        };
        Some(Self {
            key,
            address: *addresses.first()?,
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
    pub(super) rtt: Option<Duration>,
    /// When a peer was last reached, or sought, through it.
    pub(super) used: Moment,
    /// The server itself said that it drains, or its record did.
    pub(super) draining: bool,
}

impl Server {
    pub(super) fn new(info: ServerInfo) -> Self {
        let link = LinkState::Down { until: Moment::ZERO };
        Self { draining: info.draining, info, link, home: false, rtt: None, used: Moment::ZERO }
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

    /// How little it attracts as a home; the least wins. A region of its own counts first, since that is what survives
    /// an operator's bad day; then free places, in quarters, so that small differences do not herd everyone to one
    /// server; then a short round trip; and at last a draw that differs from client to client.
    pub(super) fn rank(&self, taken_regions: &[&str], own: &PublicKey) -> impl Ord + use<> {
        let region_taken = !self.info.region.is_empty() && taken_regions.contains(&self.info.region.as_str());
        let load = match self.info.capacity {
            0 => 0,
            capacity => u64::from(self.info.clients) * 4 / u64::from(capacity),
        };
        // Unknown counts as a middling 60 ms; steps of 20 ms keep noise out.
        let rtt = self.rtt.map_or(3, |rtt| rtt.as_millis() / 20);
        (region_taken, load, rtt, draw(own, &self.info.key))
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
