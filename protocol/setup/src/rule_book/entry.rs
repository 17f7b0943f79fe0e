//! What a node keeps about one route.

use byway_base::{Moment, RouteId, RoutingId, TransportId};
use byway_wire::setup::Role;

use super::{End, InstalledRoute, Refusal, Side, quota::Claim};

/// One route at one node, from its reservation until its labels may be given out anew.
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
    /// Towards the source: the transport, and the label handed out for packets that arrive on it.
    pub(super) previous: Option<(TransportId, RoutingId)>,
    /// Towards the destination, likewise.
    pub(super) next: Option<(TransportId, RoutingId)>,
}

/// How far a route is at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Labels are handed out. Ends with the reservation lease.
    Reserved,
    /// Rules are in the forwarder. Ends with the reservation lease.
    Installed,
    /// Confirmed, but nobody has used it yet. Ends with one more lease.
    Confirmed,
    /// Confirmed and used. The forwarder's idle limit ends it.
    Settled,
    /// Gone; its labels are quiet and its id is remembered. Ends when both may be forgotten.
    Gone,
}

impl State {
    /// Whether the forwarder has rules of it.
    pub(super) const fn has_rules(self) -> bool {
        matches!(self, Self::Installed | Self::Confirmed | Self::Settled)
    }
}

impl Entry {
    /// The labels handed out; each is one rule of the quotas.
    pub(super) fn labels(&self) -> impl Iterator<Item = RoutingId> + use<> {
        self.previous.into_iter().chain(self.next).map(|(_, label)| label)
    }

    /// The rules, if `role` fits what was reserved.
    pub(super) fn rules(&self, route: RouteId, role: Role) -> Result<InstalledRoute, Refusal> {
        let (forward, backward, end) = match role {
            Role::Source { request, forward } => (Some(forward), None, Some(End::Source { request })),
            Role::Intermediate { forward, backward } => (Some(forward), Some(backward), None),
            Role::Destination { request, backward } => {
                (None, Some(backward), Some(End::Destination { request }))
            }
        };
        let previous = side(self.previous, backward)?;
        let next = side(self.next, forward)?;
        Ok(InstalledRoute { route, previous, next, end })
    }
}

/// A side has a neighbour's label exactly if it has a transport.
fn side(
    own: Option<(TransportId, RoutingId)>,
    label_out: Option<RoutingId>,
) -> Result<Option<Side>, Refusal> {
    match (own, label_out) {
        (None, None) => Ok(None),
        (Some((transport, label_in)), Some(label_out)) if label_out != RoutingId::TRANSPORT => {
            Ok(Some(Side { transport, label_in, label_out }))
        }
        _ => Err(Refusal::Role),
    }
}
