//! The named steps, their order, and what each asks of which node.

use std::{fmt, ops::Range};

use byway_wire::{
    SignedRouteRequest,
    setup::{NodeMessage, Role},
};

use super::member::Member;

/// A step of the saga. Within one, all nodes are asked in parallel; the next begins when all have agreed.
///
/// The undo of every step after [`Step::Check`] is [`NodeMessage::Undo`]: a node gives back reservation and rules
/// alike, so that the saga need not know how far a lost message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The request is signed by the caller and by the path's first node, fresh, and about this path. Asks nobody.
    Check,
    /// Every node hands out its labels.
    Reserve,
    /// The destination gets its rule first, so that no packet can arrive before it.
    InstallDestination,
    /// Then the intermediates.
    InstallIntermediates,
    /// The source last: it is the only one that sends by itself.
    InstallSource,
    /// Every node keeps its rules.
    Confirm,
    /// Something failed: every node that was asked anything gives back what it holds.
    Undo,
}

impl Step {
    /// The step that follows success, none after the last.
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Check => Some(Self::Reserve),
            Self::Reserve => Some(Self::InstallDestination),
            Self::InstallDestination => Some(Self::InstallIntermediates),
            Self::InstallIntermediates => Some(Self::InstallSource),
            Self::InstallSource => Some(Self::Confirm),
            Self::Confirm | Self::Undo => None,
        }
    }

    /// Whom the step asks: positions in a path of `count` nodes, the source being the first.
    pub(super) const fn members(self, count: usize) -> Range<usize> {
        let last = count.saturating_sub(1);
        match self {
            Self::Check | Self::Undo => 0..0,
            Self::Reserve | Self::Confirm => 0..count,
            Self::InstallDestination => last..count,
            Self::InstallIntermediates => 1..last,
            Self::InstallSource => 0..1,
        }
    }

    /// What the step asks of the node at `position`; none if a label that the message needs is missing.
    pub(super) fn message(
        self,
        members: &[Member],
        position: usize,
        request: &SignedRouteRequest,
    ) -> Option<NodeMessage> {
        let member = members.get(position)?;
        let route = request.request.route;
        let forward = || members.get(position + 1).and_then(|next| next.forward);
        let backward = || position.checked_sub(1).and_then(|previous| members[previous].backward);
        let request = || request.clone();
        let role = match self {
            Self::Check => return None,
            Self::Reserve => {
                let Member { initiator, previous, next, .. } = *member;
                return Some(NodeMessage::Reserve { route, initiator, previous, next });
            }
            Self::InstallDestination => Role::Destination { request: request(), backward: backward()? },
            Self::InstallIntermediates => Role::Intermediate { forward: forward()?, backward: backward()? },
            Self::InstallSource => Role::Source { request: request(), forward: forward()? },
            Self::Confirm => return Some(NodeMessage::Confirm { route }),
            Self::Undo => return Some(NodeMessage::Undo { route }),
        };
        Some(NodeMessage::Install { route, role })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Check => "check",
            Self::Reserve => "reserve",
            Self::InstallDestination | Self::InstallIntermediates | Self::InstallSource => "install",
            Self::Confirm => "confirm",
            Self::Undo => "undo",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_parts_of_install_ask_every_node_exactly_once() {
        for count in 2..=17 {
            let parts = [Step::InstallDestination, Step::InstallIntermediates, Step::InstallSource];
            let mut asked: Vec<_> = parts.into_iter().flat_map(|step| step.members(count)).collect();
            asked.sort_unstable();
            assert_eq!(asked, (0..count).collect::<Vec<_>>());
        }
    }
}
