//! A node's local API, for the apps and people of its own machine: HTTP and JSON on a unix socket.
//!
//! Whoever may open the socket may use it; its file mode decides. Streams are not endpoints of this list: `POST
//! /v1/dial` and `POST /v1/accept/{port}` upgrade the connection to a raw byte stream, see [`DialRequest`]; datagrams come
//! in frames, see [`DatagramFrame`].

mod datagrams;
mod doctor;
mod reachability;

use byway_base::{Code, OverlayAddress, Port, PublicKey, RouteId, TransportId, TransportType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use byway_wire::punch::Mapping;
pub use datagrams::{BadFrame, DATAGRAM_PROTOCOL, DatagramFrame, FRAME_LENGTH, FRAME_MAX};
pub use doctor::{Diagnosis, Finding, FindingState};
pub use reachability::{DownView, FamilyView, PortMappingView, ReachabilityView, RelayedView};

use crate::{
    route_finder::{FindReply, PathView},
    service,
};

service! {
    /// What a node offers to its own machine.
    pub Local = "node" {
        /// Who the node is, and how it does.
        GetStatus: GET "/v1/status", open, reply Status, codes [];
        /// Examines the node part by part: what it reaches, how it is reached, and what to try where something is missing.
        /// Takes some seconds.
        Diagnose: POST "/v1/doctor", open, reply Diagnosis, codes [];
        /// The transports that are up.
        ListLocalTransports: GET "/v1/transports", open, reply LocalTransports, codes [];
        /// Opens a transport; harmless if it is up.
        OpenTransport: POST "/v1/transports", open, body OpenRequest, reply LocalTransport,
            codes [BadKey, Ambiguous, PeerUnreachable, Timeout];
        /// Closes a transport.
        CloseTransport: DELETE "/v1/transports/{id}", open, path LocalTransportPath, codes [NotFound];
        /// The sessions that this node began, and the routes that cross it.
        ListRoutes: GET "/v1/routes", open, reply LocalRoutes, codes [];
        /// Sends small messages to a node and back.
        SendPing: POST "/v1/ping", open, body PingRequest, reply PingReply, codes [NoPath, BadKey, BadPolicy, Timeout];
        /// Measures a route to a node hop by hop, as it goes. The first event tells the route, the last one the verdict.
        TraceRoute: POST "/v1/trace", open, body TraceRequest, stream TraceEvent,
            codes [NoPath, BadKey, BadPolicy, BadAddress, NotFound, RouteLost, Limit, Timeout];
        /// Candidate paths to a node.
        ShowPaths: POST "/v1/paths", open, body PathsRequest, reply FindReply, codes [NoPath, BadKey, BadPolicy];
        /// The key that a name, a prefix or another form of a key stands for.
        Resolve: POST "/v1/resolve", open, body ResolveRequest, reply ResolveReply, codes [BadKey, Ambiguous];
        /// What happens at the node, as it happens.
        WatchEvents: GET "/v1/events", open, stream LocalEvent, codes [];
    }
}

/// Upgrades the connection to a stream to an app: `POST /v1/dial` with this body and `Upgrade: byway-stream`.
/// The answer 101 carries the routes as JSON (a list of [`RouteView`]) in the header `byway-routes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DialRequest {
    /// A key, petname or unique prefix.
    pub peer: String,
    /// The app's port.
    pub port: Port,
    /// How to choose the path, in the path language; keys may be petnames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Exactly these transports first; with a policy too, that is for spares, without one there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<TransportId>>,
}

/// How a node does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Version of this reply; it only grows.
    pub version: u32,
    /// Who the node is.
    pub key: PublicKey,
    /// The program's version.
    pub release: String,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Whether everything that it needs is there.
    pub ready: bool,
    /// What is not, each with a way to mend it.
    pub problems: Vec<StatusProblem>,
    /// Messaging servers.
    pub messaging: Vec<MessagingView>,
    /// Whether it forwards for others at present.
    pub transit: bool,
    /// What forwarding may use, what it uses, and what was refused.
    pub forwarding: ForwardingView,
    /// Ports with an app.
    pub listening: Vec<Port>,
    /// Ports with an app that takes datagrams.
    #[serde(default)]
    pub listening_datagrams: Vec<Port>,
    /// Transports that are up.
    pub transports: Vec<LocalTransport>,
    /// Transports that it is told to keep up, and that are down.
    #[serde(default)]
    pub down: Vec<DownView>,
    /// How peers can reach it over UDP.
    #[serde(default)]
    pub reachability: ReachabilityView,
    /// Peers with which it has no transport but one through messaging.
    #[serde(default)]
    pub relayed: Vec<RelayedView>,
    /// Sessions that it began.
    pub sessions: Vec<SessionView>,
    /// Rules installed, two per route.
    pub rules: u64,
    /// Payload bytes forwarded for others.
    pub forwarded_bytes: u64,
}

/// What forwarding may use, what it uses, and what was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForwardingView {
    /// Bytes that wait in queues.
    pub queued_bytes: u64,
    /// Bytes that may.
    pub memory_bytes: u64,
    /// Bytes per second that it carries for others in all; absent: no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_bytes: Option<u64>,
    /// Bytes per second that it carries for others from one neighbour; absent: no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_peer_bytes: Option<u64>,
    /// Grants that waited because of these rates.
    pub grants_delayed: u64,
    /// What it carries for others in a day or a month; absent: no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<ForwardingVolume>,
    /// Routes that setup nodes asked for in vain.
    pub refused: RefusedView,
}

/// What a node carries for others in a day or a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForwardingVolume {
    /// The present one in UTC: `2026-11-21`, or `2026-11`.
    pub period: String,
    /// Payload bytes carried in it.
    pub used_bytes: u64,
    /// Payload bytes that may be. Then transit is off until the period ends.
    pub cap_bytes: u64,
}

/// Messages of setup nodes that a node refused since it started, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedView {
    /// The sender is no trusted setup node.
    pub untrusted: u64,
    /// The node holds as many rules as it may.
    pub node_quota: u64,
    /// A setup node holds as many rules as one may.
    pub setup_node_quota: u64,
    /// As many routes come from a neighbour as from one may.
    pub peer_quota: u64,
    /// A source has as many routes as one may.
    pub initiator_quota: u64,
    /// The node does not forward for others.
    pub transit: u64,
    /// Anything else.
    pub otherwise: u64,
}

/// Something that the node lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusProblem {
    /// Which part.
    pub part: String,
    /// What is wrong with it.
    pub why: String,
    /// What to try.
    #[serde(rename = "try")]
    pub hint: String,
    /// The stable code.
    pub code: Code,
}

/// A messaging server that the node uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessagingView {
    /// Its key.
    pub key: PublicKey,
    /// Where it is.
    pub address: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Round-trip time, once measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
}

/// A list of transports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalTransports {
    /// In the order of their ids.
    pub items: Vec<LocalTransport>,
}

/// A transport that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalTransport {
    /// Its id.
    pub id: TransportId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: TransportType,
    /// The other edge.
    pub peer: PublicKey,
    /// The petname of that node, if it has one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    pub address: String,
    /// Whether this node opened it.
    pub dialled: bool,
    /// Smoothed round-trip time, once measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// Bytes sent, headers included.
    pub sent_bytes: u64,
    /// Bytes received, headers included.
    pub received_bytes: u64,
    /// Flows of routes over it, two per route.
    pub flows: u64,
}

/// Names one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalTransportPath {
    /// Its id.
    pub id: TransportId,
}

/// Asks for a transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The type.
    #[serde(rename = "type")]
    pub kind: TransportType,
    /// A key, petname or unique prefix.
    pub peer: String,
}

/// Sessions and routes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocalRoutes {
    /// Sessions that this node began.
    pub sessions: Vec<SessionView>,
    /// Every route over, from or to this node.
    pub installed: Vec<InstalledRouteView>,
}

/// A session that this node began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionView {
    /// Where it leads.
    pub to: OverlayAddress,
    /// Streams in use.
    pub streams: u64,
    /// Round-trip time from end to end.
    pub rtt_us: u64,
    /// Its routes, the active ones first.
    pub routes: Vec<RouteView>,
}

/// A route of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteView {
    /// The route.
    pub route: RouteId,
    /// Whether it carries the session, alone or with others; else it is a spare.
    pub active: bool,
    /// Round-trip time from end to end, once measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// The path.
    pub hops: Vec<RouteHop>,
}

/// A hop of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteHop {
    /// The transport.
    pub transport: TransportId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: TransportType,
    /// The node that it reaches.
    pub to: PublicKey,
    /// The petname of that node, if it has one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its round-trip time as the route finder knew it.
    pub rtt_us: u64,
}

/// A route at this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstalledRouteView {
    /// The route.
    pub route: RouteId,
    /// `source`, `destination` or `intermediate`.
    pub role: String,
    /// Payload bytes from source to destination.
    pub forward_bytes: u64,
    /// Payload bytes from destination to source.
    pub backward_bytes: u64,
    /// Bytes that wait here, in both directions.
    pub waiting_bytes: u64,
}

/// Asks for a ping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PingRequest {
    /// A key, petname or unique prefix.
    pub peer: String,
    /// How many messages; 4 if absent, at most 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How to choose the path, in the path language; keys may be petnames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Exactly these transports first; with a policy too, that is for spares, without one there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<TransportId>>,
}

/// What a ping showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PingReply {
    /// Whom it reached.
    pub peer: PublicKey,
    /// Round-trip times, in order.
    pub rtt_us: Vec<u64>,
    /// The routes of the session, the active one first.
    pub routes: Vec<RouteView>,
}

/// Asks for a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// A key, petname or unique prefix.
    pub peer: String,
    /// How many answers each node is asked for; 4 if absent, at most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// This route of a session; if absent, the one that carries a session, or a new one that is given up afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<RouteId>,
    /// How the path was chosen or is to be, in the path language; keys may be petnames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Exactly these transports first; with a policy too, that is for spares, without one there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<TransportId>>,
}

/// What a trace finds: the route, then each hop in order, then what it comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TraceEvent {
    /// The trace begins.
    Began {
        /// The node at the end.
        peer: PublicKey,
        /// The route.
        route: RouteId,
        /// Whether it carries a session; if not, it is there for the trace only.
        in_use: bool,
        /// Its path.
        hops: Vec<RouteHop>,
    },
    /// All that will be known about one hop.
    Hop(TraceHop),
    /// The trace is over.
    Ended(TraceVerdict),
}

/// What the node behind a hop answered. Times are from here to the node and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceHop {
    /// Which hop; the first is 1.
    pub number: u8,
    /// The node that it reaches.
    pub to: PublicKey,
    /// The petname of that node, if it has one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The type of its transport.
    #[serde(rename = "type")]
    pub transport_type: TransportType,
    /// How often the node was asked.
    pub sent: u32,
    /// How often it answered.
    pub answered: u32,
    /// Shortest round-trip time; absent without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_us: Option<u64>,
    /// Median round-trip time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_us: Option<u64>,
    /// By how much the median is above that of the nearest node before it that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_us: Option<u64>,
}

/// What a trace comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceVerdict {
    /// Whether the far end answered and the route is still there.
    pub whole: bool,
    /// The hop, the first being 1, behind which nobody answered, or whose transport was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_hop: Option<u8>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Asks for paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathsRequest {
    /// A key, petname or unique prefix.
    pub peer: String,
    /// In the path language; keys may be petnames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// How many; 3 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<u8>,
    /// Whether to say why others lost.
    #[serde(default)]
    pub why_not: bool,
}

/// Asks what a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveRequest {
    /// A key in any form, a petname, or a unique prefix.
    pub name: String,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolveReply {
    /// The key.
    pub key: PublicKey,
    /// Its petname here, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Something that happened at the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LocalEvent {
    /// A transport came up.
    TransportUp {
        /// The other edge.
        peer: PublicKey,
        /// Its type.
        #[serde(rename = "type")]
        transport_type: TransportType,
    },
    /// A transport was lost or closed.
    TransportDown {
        /// The other edge.
        peer: PublicKey,
        /// Its type.
        #[serde(rename = "type")]
        transport_type: TransportType,
        /// What was seen.
        why: String,
    },
    /// A session's packets go over another route.
    RouteSwitched {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The route before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<RouteId>,
        /// The route from now on.
        to: RouteId,
        /// Why; absent for the first route.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// The node at which the route before broke, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<PublicKey>,
    },
    /// A striped session's packets go over one more route.
    RouteJoined {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The route.
        route: RouteId,
    },
    /// A striped session's packets go over one route less; there is no spare.
    RouteLeft {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The route.
        route: RouteId,
        /// Why.
        why: String,
        /// The node at which it broke, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<PublicKey>,
    },
    /// A session has a spare.
    SpareReady {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The spare.
        route: RouteId,
    },
    /// A spare is gone; another is being sought.
    SpareLost {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The spare.
        route: RouteId,
        /// Why.
        why: String,
        /// The node at which it broke, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<PublicKey>,
    },
    /// A session has no route left; others are being sought.
    RouteLost {
        /// Where the session leads.
        peer: OverlayAddress,
        /// What ended the last one.
        why: String,
        /// The node at which it broke, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<PublicKey>,
    },
    /// The reader was too slow, and events were dropped.
    Missed {
        /// How many.
        count: u64,
    },
}

/// The header of an upgrade's answer that says over which routes the stream goes.
pub const ROUTES_HEADER: &str = "byway-routes";
/// The header of an accepted stream's answer that says who dialled, as an overlay address.
pub const FROM_HEADER: &str = "byway-from";
/// The protocol that a connection is upgraded to.
pub const STREAM_PROTOCOL: &str = "byway-stream";

impl From<&PathView> for Vec<RouteHop> {
    fn from(path: &PathView) -> Self {
        let hop = |hop: &crate::route_finder::HopView| RouteHop {
            transport: hop.transport,
            kind: hop.kind.clone(),
            to: hop.to,
            name: None,
            rtt_us: u64::from(hop.metrics.rtt_us),
        };
        path.hops.iter().map(hop).collect()
    }
}
