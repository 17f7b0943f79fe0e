//! What the forwarder is told: the rules of one route at one node, as data.

use byway_base::RouteId;
use byway_wire::{SignedRouteRequest, setup::Side};

/// What the node is to do at its forwarder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Put the rules of a route into the forwarding table. They forward from now on, though under a lease. A destination
    /// may send over the route once a packet came over it, not before: data that overtakes the rules ahead of it ends
    /// the route.
    Install(Box<InstalledRoute>),
    /// Take the rules of a route out of the forwarding table.
    Remove {
        /// The route.
        route: RouteId,
    },
}

/// All rules of one route at one node. At least one side is there; both are at an intermediate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledRoute {
    /// The route.
    pub route: RouteId,
    /// Towards the source; none at the source.
    pub previous: Option<Side>,
    /// Towards the destination; none at the destination.
    pub next: Option<Side>,
    /// The request as verified; at the destination only.
    pub request: Option<SignedRouteRequest>,
}
