//! What the forwarder is told: the rules of one route at one node, as data.

use byway_base::{RouteId, RoutingId, TransportId};
use byway_wire::SignedRouteRequest;

/// What the node is to do at its forwarder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Put the rules of a route into the forwarding table. They forward from now on, though still under a lease.
    Install(Box<InstalledRoute>),
    /// Every node of the path may now be taken to have its rules: an end may use the route.
    Activate {
        /// The route.
        route: RouteId,
    },
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
    /// What the node is, if it is an end; none at an intermediate.
    pub end: Option<End>,
}

/// One neighbour's side of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// The transport to the neighbour.
    pub transport: TransportId,
    /// The label that this node handed out for packets that arrive on the transport.
    pub label_in: RoutingId,
    /// The label that the neighbour handed out for packets that are sent there.
    pub label_out: RoutingId,
}

/// Which end of a route a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Where it begins.
    Source {
        /// The request that the node signed.
        request: SignedRouteRequest,
    },
    /// Where it ends.
    Destination {
        /// The request as verified.
        request: SignedRouteRequest,
    },
}
