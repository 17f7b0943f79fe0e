//! What a node keeps about one route.

use byway_base::{Moment, RoutingId, TransportId};

use super::quota::Claim;

/// One route at one node, from its label or its rules until its labels may be used anew.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// What it counts as; nobody but the setup node that is named there may touch it.
    pub(super) claim: Claim,
    /// How far it is.
    pub(super) state: State,
    /// When the state ends by itself; none if it does not.
    pub(super) deadline: Option<Moment>,
    /// Until when the request behind it could be replayed; at a destination only.
    pub(super) replay_until: Moment,
    /// The node's own labels, each with the transport that it is good for; each is one rule of the quotas.
    pub(super) labels: Vec<(TransportId, RoutingId)>,
}

/// How far a route is at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The node has asked for it and awaits the answer. Ends when it waits no longer.
    Awaited,
    /// Rules are in the forwarder. Ends with the lease.
    Provisional,
    /// The same, and a packet has come by. The forwarder's idle limit ends it.
    Settled,
    /// Gone; its labels are quiet and its id is remembered. Ends when both may be forgotten.
    Gone,
}

impl State {
    /// Whether the forwarder has rules of it.
    pub(super) const fn has_rules(self) -> bool {
        matches!(self, Self::Provisional | Self::Settled)
    }
}
