//! What a node shows of itself.

use std::time::Duration;

use byway_base::{OverlayAddress, PublicKey, TransportId, TransportType};

use crate::dialer::RouteInfo;

/// A transport that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportInfo {
    /// Its id.
    pub id: TransportId,
    /// Its type.
    pub kind: TransportType,
    /// The other edge.
    pub peer: PublicKey,
    /// Where the peer is.
    pub address: String,
    /// Whether this node opened it.
    pub dialled: bool,
    /// Smoothed round-trip time, once measured.
    pub rtt: Option<Duration>,
    /// Bytes sent and received, headers included.
    pub bytes: (u64, u64),
    /// Flows of routes over it.
    pub flows: usize,
}

/// A session that this node began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Where it leads.
    pub to: OverlayAddress,
    /// Streams in use.
    pub streams: usize,
    /// Round-trip time from end to end.
    pub rtt: Duration,
    /// Its routes, the active one first.
    pub routes: Vec<RouteInfo>,
}
