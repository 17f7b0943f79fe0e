//! What the saga knows about one node of the path.

use byway_base::{Moment, PublicKey, RoutingId};
use byway_wire::setup::{NodeMessage, Role, Side};

use super::{Asked, CallId, Step};
use crate::Initiators;

/// How often an undo is sent before the leases are left to do it.
const UNDO_ATTEMPTS: u8 = 2;

/// A call under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// Its name.
    pub(super) id: CallId,
    /// The step that it belongs to; the answer to an install says nothing about the undo.
    pub(super) step: Step,
    /// When it counts as lost.
    pub(super) deadline: Moment,
}

/// A node of the path, other than the source.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The node.
    pub(super) key: PublicKey,
    /// What installs its rules.
    pub(super) install: NodeMessage,
    /// The call under way. At most one, so that no message overtakes another.
    pub(super) call: Option<Call>,
    /// Whether it was asked anything, and so may hold something.
    asked: bool,
    undo_attempts: u8,
    empty: bool,
}

impl Member {
    /// The nodes of a checked path that follow the source, with labels drawn for each; and the label of the first.
    pub(super) fn along(
        asked: &Asked,
        initiators: &Initiators,
        draw: &mut dyn FnMut() -> u32,
    ) -> (Vec<Self>, RoutingId) {
        let route = asked.request.request.route;
        let mut label = || RoutingId(draw().max(1));
        let arrivals: Vec<_> = asked.hops.iter().map(|_| label()).collect();
        let (mut previous_in, mut members) = (asked.label_in, Vec::with_capacity(asked.hops.len()));
        for (at, hop) in asked.hops.iter().enumerate() {
            let previous = Side { transport: hop.transport, label_in: arrivals[at], label_out: previous_in };
            let role = match asked.hops.get(at + 1) {
                Some(onward) => {
                    previous_in = label();
                    let next = Side {
                        transport: onward.transport,
                        label_in: previous_in,
                        label_out: arrivals[at + 1],
                    };
                    Role::Intermediate { next }
                }
                None => Role::Destination { request: asked.request.clone() },
            };
            let initiator = initiators.tag(&asked.caller, &hop.to);
            let install = NodeMessage::Install { route, initiator, previous, role };
            members.push(Self {
                key: hop.to,
                install,
                call: None,
                asked: false,
                undo_attempts: 0,
                empty: false,
            });
        }
        let first = *arrivals.first().expect("a checked path has a hop");
        (members, first)
    }

    /// A call begins.
    pub(super) const fn asked(&mut self, call: Call) {
        self.call = Some(call);
        self.asked = true;
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

    /// Whether the node has undone, or was asked to once and did not answer.
    pub(super) const fn was_told(&self) -> bool {
        self.is_settled() || self.undo_attempts > 1
    }

    /// Whether nothing more will be sent to the node after a failure.
    pub(super) const fn is_settled(&self) -> bool {
        self.call.is_none() && (!self.may_hold() || self.undo_attempts >= UNDO_ATTEMPTS)
    }
}
