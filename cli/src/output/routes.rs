//! Paths and peers as people read them.

use byway_api::{
    local::{RouteHop, RouteView},
    route_finder::PathView,
};
use byway_base::PublicKey;

use super::units;

/// A petname, or the beginning of the key.
#[must_use]
pub fn peer(key: &PublicKey, name: Option<&str>) -> String {
    name.map_or_else(|| key.short(), str::to_owned)
}

/// The hops of a path, each by the node that it reaches: `n1 (tcp 0.4 ms) → bob (messaging 3.0 ms)`.
#[must_use]
pub fn path(hops: &[RouteHop]) -> String {
    let hop = |hop: &RouteHop| {
        format!("{} ({} {})", peer(&hop.to, hop.name.as_deref()), hop.kind, units::rtt(hop.rtt_us))
    };
    hops.iter().map(hop).collect::<Vec<_>>().join(" → ")
}

/// [`path`] of a candidate.
#[must_use]
pub fn candidate(view: &PathView) -> String {
    path(&Vec::<RouteHop>::from(view))
}

/// `active` or `spare`.
#[must_use]
pub fn state(route: &RouteView) -> &'static str {
    if route.active { "active" } else { "spare" }
}
