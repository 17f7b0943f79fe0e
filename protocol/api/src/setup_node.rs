//! Setup node: what administrators see of the routes that it installed.

use byway_base::{OverlayAddress, PublicKey, RouteId, UnixTime};
use byway_wire::Hop;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Page, service};

service! {
    /// Setup node: the administrator's view of installed routes. Who may call is configured.
    pub SetupNode = "setup-node" {
        /// Routes that this setup node installed, in pages.
        ListRoutes: GET "/v1/routes", signed, query RoutesQuery, reply Page<RouteView>, codes [Denied];
        /// One route.
        GetRoute: GET "/v1/routes/{id}", signed, path RoutePath, reply RouteView, codes [Denied, NotFound];
        /// What each node of a route says about its rules, asked now. Takes some seconds if a node is silent.
        InspectRoute: GET "/v1/routes/{id}/nodes", signed, path RoutePath, reply RouteNodes, codes [Denied, NotFound];
        /// Removes a route from every node of its path.
        DeleteRoute: DELETE "/v1/routes/{id}", signed, path RoutePath, codes [Denied, NotFound], audited;
        /// Counts for dashboards.
        GetSetupStats: GET "/v1/stats", open, reply SetupStats, codes [];
    }
}

/// Names a route in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoutePath {
    /// The route.
    pub id: RouteId,
}

/// Which part of the listing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutesQuery {
    /// From the former page's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items on a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only routes that this key asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PublicKey>,
    /// Only routes that begin at, cross or end at this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<PublicKey>,
    /// Only routes that are so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RouteState>,
}

/// A route as its setup node knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteView {
    /// The route.
    pub id: RouteId,
    /// Its owner: who asked for it.
    pub source: OverlayAddress,
    /// Where it leads.
    pub destination: OverlayAddress,
    /// The transports crossed, in order.
    pub hops: Vec<Hop>,
    /// How far it is.
    pub state: RouteState,
    /// When it was asked for.
    pub created: UnixTime,
    /// Seconds since it was asked for.
    pub age_seconds: u64,
}

/// How far a route is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RouteState {
    /// Its rules are being installed.
    Installing,
    /// Its rules are installed.
    Installed,
    /// Its rules are being removed.
    Removing,
}

/// What the nodes of a route say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteNodes {
    /// From the source to the destination.
    pub nodes: Vec<NodeRules>,
}

/// What one node of a route says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeRules {
    /// The node.
    pub node: PublicKey,
    /// Whether it has the route's rules.
    pub rules: RulesState,
}

/// Whether a node has rules of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RulesState {
    /// It has.
    Held,
    /// It has not: they ended there, or the node has restarted.
    Gone,
    /// It does not answer.
    Unknown,
}

/// Counts of a setup node since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SetupStats {
    /// Routes installed at present.
    pub routes: u64,
    /// Requests under way.
    pub under_way: u64,
    /// Requests that ended with a route.
    pub installed: u64,
    /// Requests refused before anything was installed.
    pub refused: u64,
    /// Requests that failed and were undone.
    pub undone: u64,
    /// Routes removed by an administrator.
    pub removed: u64,
    /// Routes that their nodes ended by themselves, as far as it was noticed.
    pub ended: u64,
}
