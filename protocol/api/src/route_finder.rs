//! Route finder: which paths lead from one node to another.

use byway_base::{
    Policy, PublicKey, TransportId, TransportType,
    limits::{HOPS_MAX, PATH_QUERIES_MAX},
};
use byway_wire::Hop;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bounded, ProblemDetails, service, transport_discovery::Metrics};

service! {
    /// Route finder: answers path queries from its mirror of the transport graph.
    pub RouteFinder = "route-finder" {
        /// Up to `k` paths, best first.
        FindPaths: POST "/v1/paths:find", signed, body FindRequest, reply FindReply, codes [NoPath, BadPolicy];
        /// Whether a given path fits the policy, what it costs, and what speaks against it.
        ExplainPath: POST "/v1/paths:explain", signed, body ExplainRequest, reply ExplainReply, codes [BadPath, BadPolicy];
        /// Several queries at once, all answered from the mirror as it is when the batch arrives; each for itself.
        FindPathsBatch: POST "/v1/paths:batch", signed, body BatchRequest, reply BatchReply, codes [];
        /// Counts for dashboards.
        GetFinderStats: GET "/v1/stats", open, reply FinderStats, codes [];
    }
}

/// A path query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindRequest {
    /// Where the paths begin.
    pub from: PublicKey,
    /// Where they end.
    pub to: PublicKey,
    /// What they must and should be.
    #[serde(default)]
    pub policy: Policy,
    /// How many to answer with, at most [`byway_base::limits::PATHS_MAX`]; the policy's number of routes by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<u8>,
    /// Whether to say why others lost.
    #[serde(default)]
    pub why_not: bool,
}

/// Paths, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindReply {
    /// The paths.
    pub paths: Vec<PathView>,
    /// Why others lost; empty unless asked for.
    pub reasons: Vec<String>,
    /// How old the finder's knowledge is.
    #[serde(flatten)]
    pub mirror: MirrorView,
}

/// How old a finder's knowledge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MirrorView {
    /// Milliseconds since the mirror was last known to be current.
    pub mirror_age_ms: u64,
    /// The last change that it contains.
    pub mirror_sequence: u64,
}

/// A path with its measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathView {
    /// The transports crossed, in order.
    pub hops: Vec<HopView>,
    /// What it was ranked by; comparable within one answer only.
    pub cost: f64,
    /// Sum of the hops' round-trip times, microseconds.
    pub rtt_us: u64,
}

/// One transport crossed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HopView {
    /// The transport.
    pub transport: TransportId,
    /// The node that the hop leaves.
    pub from: PublicKey,
    /// The node that it reaches.
    pub to: PublicKey,
    /// The transport's type.
    #[serde(rename = "type")]
    pub kind: TransportType,
    /// The transport's measurements.
    pub metrics: Metrics,
}

impl From<&HopView> for Hop {
    fn from(hop: &HopView) -> Self {
        Self { transport: hop.transport, from: hop.from, to: hop.to }
    }
}

impl PathView {
    /// The hops as route requests carry them.
    #[must_use]
    pub fn to_hops(&self) -> Vec<Hop> {
        self.hops.iter().map(Hop::from).collect()
    }
}

/// Asks about one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// Where the path begins.
    pub from: PublicKey,
    /// Where it ends.
    pub to: PublicKey,
    /// What to judge it by.
    #[serde(default)]
    pub policy: Policy,
    /// The transports of the path, in order.
    pub transports: Bounded<TransportId, HOPS_MAX>,
}

/// What a finder thinks of one path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainReply {
    /// Whether it may be used under the policy.
    pub allowed: bool,
    /// The path with its measurements, if all its transports are known and connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathView>,
    /// The best path, to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<PathView>,
    /// What speaks against it, one sentence each.
    pub reasons: Vec<String>,
    /// How old the finder's knowledge is.
    #[serde(flatten)]
    pub mirror: MirrorView,
}

/// Several path queries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The queries.
    pub queries: Bounded<FindRequest, PATH_QUERIES_MAX>,
}

/// The answers to several path queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchReply {
    /// One answer per query, in their order.
    pub answers: Vec<BatchAnswer>,
}

/// The answer to one of several path queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum BatchAnswer {
    /// There are paths.
    Found(FindReply),
    /// There are none, or the query is not valid.
    Failed(ProblemDetails),
}

/// Counts of a finder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct FinderStats {
    /// How old the finder's knowledge is.
    #[serde(flatten)]
    pub mirror: MirrorView,
    /// Nodes in the graph.
    pub nodes: u64,
    /// Transports in the graph that are up.
    pub transports: u64,
    /// Queries answered since start.
    pub queries: u64,
    /// Queries without a path since start.
    pub without_path: u64,
    /// Queries that reached the bound of the search since start.
    pub bounded: u64,
}
