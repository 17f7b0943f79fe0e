//! Setup node: what administrators see of the routes that it installed.

use byway_base::{OverlayAddress, RouteId, UnixTime};
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
        /// Removes a route from every node of its path.
        DeleteRoute: DELETE "/v1/routes/{id}", signed, path RoutePath, codes [Denied, NotFound];
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
}
