//! Transport discovery: which transports exist, and in which state.

use std::collections::BTreeMap;

use byway_base::{
    PublicKey, TransportId, TransportType, UnixTime,
    limits::{HEARTBEAT_TRANSPORTS, LEASE},
};
use byway_wire::SignedTransportEntry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bounded, Page, service};

service! {
    /// Transport discovery: the registry of all transports and their state.
    pub TransportDiscovery = "transport-discovery" {
        /// Registers a transport. The entry is signed by both edges; the caller is one of them. Idempotent.
        PutTransport: PUT "/v1/transports/{id}", signed, path TransportPath, body SignedTransportEntry,
            reply TransportView, codes [Denied, BadSignature, Conflict], audited;
        /// Removes a transport that was registered with the entry of that date. The caller is one of its edges.
        DeleteTransport: DELETE "/v1/transports/{id}", signed, path TransportPath, query EntryQuery,
            codes [Denied, NotFound, Conflict], audited;
        /// One transport.
        GetTransport: GET "/v1/transports/{id}", open, path TransportPath, reply TransportView, codes [NotFound];
        /// Transports by edge, type and state, in pages.
        ListTransports: GET "/v1/transports", open, query TransportsQuery, reply Page<TransportView>, codes [];
        /// Reports the caller's transports and renews their leases. One per node and interval. A report that was signed
        /// before another that was taken is refused as a replay.
        Heartbeat: POST "/v1/heartbeats", signed, body HeartbeatRequest, reply HeartbeatReply, codes [];
        /// Every change after `since`, or from now on, as it happens.
        WatchTransports: GET "/v1/events", open, query EventsQuery, stream Change, codes [];
        /// Everything there is, for a reader that starts: first `begin`, then nodes and transports, some at a time.
        GetSnapshot: GET "/v1/snapshot", open, lines SnapshotPart, codes [];
        /// Counts for dashboards.
        GetTransportStats: GET "/v1/stats", open, reply TransportStats, codes [];
    }
}

/// Names a transport in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransportPath {
    /// The transport.
    pub id: TransportId,
}

/// Names one of a transport's entries, so that a copy of the request has no power over a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryQuery {
    /// When the entry was issued.
    pub issued: UnixTime,
}

/// Which transports to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransportsQuery {
    /// Only those of this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edge: Option<PublicKey>,
    /// Only those of this type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TransportType>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TransportState>,
    /// From the former page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A transport is up while both edges say so and renew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportState {
    /// Both edges say that it is up.
    Up,
    /// An edge says that it is down, or its lease has passed.
    Down,
}

/// A transport as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransportView {
    /// The transport.
    pub id: TransportId,
    /// What both edges signed; a reader verifies it.
    pub signed: SignedTransportEntry,
    /// Whether it can be used.
    pub state: TransportState,
    /// What each edge says, in the order of the entry's edges.
    pub claims: [EdgeClaim; 2],
    /// The worse of both edges' measurements.
    pub metrics: Metrics,
    /// Number of the transport's latest change.
    pub sequence: u64,
}

/// What one edge says of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EdgeClaim {
    /// Whether it says that the transport is up.
    pub up: bool,
    /// When it last said anything; zero if never.
    pub renewed_at: UnixTime,
    /// What it measured.
    pub metrics: Metrics,
}

/// Measurements of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Round-trip time, microseconds; zero if not measured.
    pub rtt_us: u32,
    /// Packets lost, per million.
    pub loss_ppm: u32,
    /// Throughput in use, bits per second.
    pub throughput_bps: u64,
}

impl Metrics {
    /// The worse of two in each measure: longer, lossier, busier.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            rtt_us: self.rtt_us.max(other.rtt_us),
            loss_ppm: self.loss_ppm.max(other.loss_ppm),
            throughput_bps: self.throughput_bps.max(other.throughput_bps),
        }
    }
}

/// A node's report of its transports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatRequest {
    /// Whether the node forwards for others.
    pub transit: bool,
    /// All its registered transports.
    pub transports: Bounded<TransportReport, HEARTBEAT_TRANSPORTS>,
}

/// One transport in a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransportReport {
    /// The transport.
    pub id: TransportId,
    /// Whether it is up.
    pub up: bool,
    /// What the node measured.
    #[serde(default)]
    pub metrics: Metrics,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeartbeatReply {
    /// Transports that the registry does not know, or that are not the caller's; they should be registered anew.
    pub unknown: Vec<TransportId>,
    /// For how long the report holds, seconds.
    pub lease_seconds: u64,
}

impl HeartbeatReply {
    /// The answer with the usual lease.
    #[must_use]
    pub fn new(unknown: Vec<TransportId>) -> Self {
        Self { unknown, lease_seconds: LEASE.as_secs() }
    }
}

/// Where to begin a change stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// The sequence number after which to begin; without it, the stream begins now. `Last-Event-ID` goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

/// One change of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The change's number; grows by each change, may skip.
    pub sequence: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: ChangeKind,
}

/// What happened to a transport or node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A transport was registered, or registered anew with a newer entry.
    Registered {
        /// The transport since then.
        transport: TransportView,
    },
    /// It went up or down.
    State {
        /// The transport since then.
        transport: TransportView,
    },
    /// Its metrics changed.
    Metrics {
        /// The transport since then.
        transport: TransportView,
    },
    /// Its edges did not renew it for so long that it was dropped.
    Expired {
        /// The transport.
        id: TransportId,
    },
    /// An edge removed it.
    Removed {
        /// The transport.
        id: TransportId,
    },
    /// A node changed its mind about forwarding for others, or was seen first.
    Node {
        /// The node since then.
        node: NodeView,
    },
}

/// A node as the registry knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeView {
    /// The node.
    pub key: PublicKey,
    /// Whether it forwards for others.
    pub transit: bool,
}

/// A part of the whole registry.
///
/// The registry goes on while it is read. Who has read all parts and then applies the changes after `sequence` has the
/// present state; some of those changes may be contained already, and applying them again does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotPart {
    /// Comes first.
    Begin {
        /// The last change that is surely contained; resume from here.
        sequence: u64,
    },
    /// Nodes that reported, at most [`SNAPSHOT_PART`](byway_base::limits::SNAPSHOT_PART), in the order of their keys.
    Nodes(Vec<NodeView>),
    /// Transports, at most [`SNAPSHOT_PART`](byway_base::limits::SNAPSHOT_PART), in the order of their ids.
    Transports(Vec<TransportView>),
}

/// Counts of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TransportStats {
    /// The last change's number.
    pub sequence: u64,
    /// Nodes that hold a lease, or have transports still.
    pub nodes: u64,
    /// All transports.
    pub transports: StateCount,
    /// Transports by type.
    pub by_type: BTreeMap<String, StateCount>,
    /// Readers of the change stream.
    pub readers: u64,
}

/// Transports by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StateCount {
    /// How many are up.
    pub up: u64,
    /// How many are down.
    pub down: u64,
}
