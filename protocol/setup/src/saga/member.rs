//! What the saga knows about one node of the path.

use byway_base::{Moment, PublicKey, RoutingId, TransportId};
use byway_wire::{Hop, setup::InitiatorTag};

use super::{CallId, Step};
use crate::Initiators;

/// How often an undo is sent before the leases are left to do it.
const UNDO_ATTEMPTS: u8 = 2;

/// A call under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// Its name.
    pub(super) id: CallId,
    /// The step that it belongs to; the answer to an earlier step's call says nothing about the undo.
    pub(super) step: Step,
    /// When it counts as lost.
    pub(super) deadline: Moment,
}

/// One node of the path.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The node.
    pub(super) key: PublicKey,
    /// What stands for the source towards it.
    pub(super) initiator: InitiatorTag,
    /// Its transport towards the source.
    pub(super) previous: Option<TransportId>,
    /// Its transport towards the destination.
    pub(super) next: Option<TransportId>,
    /// Its label for packets from the source's side.
    pub(super) forward: Option<RoutingId>,
    /// Its label for packets from the destination's side.
    pub(super) backward: Option<RoutingId>,
    /// The call under way. At most one, so that no message overtakes another.
    pub(super) call: Option<Call>,
    /// Whether it was asked anything, and so may hold something.
    asked: bool,
    undo_attempts: u8,
    empty: bool,
}

impl Member {
    /// The nodes of a checked path, from source to destination.
    pub(super) fn along(hops: &[Hop], source: &PublicKey, initiators: &Initiators) -> Vec<Self> {
        let arrivals = hops.iter().map(|hop| (hop.to, Some(hop.transport)));
        let nodes = hops.first().map(|hop| (hop.from, None)).into_iter().chain(arrivals);
        let departures = hops.iter().map(|hop| Some(hop.transport)).chain([None]);
        nodes
            .zip(departures)
            .map(|((key, previous), next)| Self {
                key,
                initiator: initiators.tag(source, &key),
                previous,
                next,
                forward: None,
                backward: None,
                call: None,
                asked: false,
                undo_attempts: 0,
                empty: false,
            })
            .collect()
    }

    /// A call begins.
    pub(super) const fn asked(&mut self, call: Call) {
        self.call = Some(call);
        self.asked = true;
    }

    /// Takes the labels of a reservation. False if they are not those that the node's position needs.
    pub(super) fn take_labels(&mut self, forward: Option<RoutingId>, backward: Option<RoutingId>) -> bool {
        let fits = |label: Option<RoutingId>, side: Option<TransportId>| {
            label.is_some() == side.is_some() && label != Some(RoutingId::TRANSPORT)
        };
        (self.forward, self.backward) = (forward, backward);
        fits(forward, self.previous) && fits(backward, self.next)
    }

    /// Whether an undo should be sent now: it may hold something, no call is under way that the undo could overtake,
    /// and an attempt is left.
    pub(super) const fn wants_undo(&self) -> bool {
        self.may_hold() && self.call.is_none() && self.undo_attempts < UNDO_ATTEMPTS
    }

    /// Whether, as far as the saga knows, the node may still hold something.
    pub(super) const fn may_hold(&self) -> bool {
        self.asked && !self.empty
    }

    /// An undo is being sent.
    pub(super) const fn undo_begins(&mut self) {
        self.undo_attempts += 1;
    }

    /// The node answered that it holds nothing, any more or at all.
    pub(super) const fn holds_nothing(&mut self) {
        self.empty = true;
    }

    /// Whether nothing more will be sent to the node after a failure.
    pub(super) const fn is_settled(&self) -> bool {
        self.call.is_none() && (!self.may_hold() || self.undo_attempts >= UNDO_ATTEMPTS)
    }
}
