//! The labels that a node has handed out.

use std::collections::BTreeSet;

use byway_base::{RoutingId, TransportId};

use super::Refusal;

/// Draws in a row that may hit a taken label. With a label space of 2^32 and at most
/// [`byway_base::limits::RULES_PER_NODE`] taken, an honest source of randomness does not get there.
const DRAWS: usize = 32;

/// Labels in use or quiet. Unique in the whole node, though the forwarder needs it per transport only: a label that is
/// reported names one rule.
#[derive(Debug, Default)]
pub(super) struct Labels(BTreeSet<RoutingId>);

impl Labels {
    /// Takes one label for each side that there is; neither in use nor quiet nor zero. Takes none on error.
    pub(super) fn take(
        &mut self,
        sides: [Option<TransportId>; 2],
        draw: &mut dyn FnMut() -> u32,
    ) -> Result<[Option<RoutingId>; 2], Refusal> {
        let mut taken = [None; 2];
        for (label, _) in taken.iter_mut().zip(&sides).filter(|(_, side)| side.is_some()) {
            *label = self.unused(draw);
            if label.is_none() {
                taken.into_iter().flatten().for_each(|label| self.release(label));
                return Err(Refusal::NoLabel);
            }
        }
        Ok(taken)
    }

    fn unused(&mut self, draw: &mut dyn FnMut() -> u32) -> Option<RoutingId> {
        let mut draws = (0..DRAWS).map(|_| RoutingId(draw()));
        draws.find(|label| *label != RoutingId::TRANSPORT && self.0.insert(*label))
    }

    /// Gives a label back.
    pub(super) fn release(&mut self, label: RoutingId) {
        self.0.remove(&label);
    }
}
