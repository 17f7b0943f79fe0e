//! The labels of a node.

use std::collections::BTreeSet;

use byway_base::{RoutingId, TransportId};

use super::Refusal;

/// Draws in a row that may hit a taken label. With a label space of 2^32 and at most
/// [`byway_base::limits::RULES_PER_NODE`] taken, an honest source of randomness does not get there.
const DRAWS: usize = 32;

/// Labels in use or quiet, each on its transport.
#[derive(Debug, Default)]
pub(super) struct Labels(BTreeSet<(TransportId, RoutingId)>);

impl Labels {
    /// Draws a label that is neither in use nor quiet nor zero.
    pub(super) fn draw(
        &mut self,
        transport: TransportId,
        draw: &mut dyn FnMut() -> u32,
    ) -> Result<RoutingId, Refusal> {
        let mut draws = (0..DRAWS).map(|_| RoutingId(draw()));
        let fits = |label: &RoutingId| *label != RoutingId::TRANSPORT && self.0.insert((transport, *label));
        draws.find(fits).ok_or(Refusal::NoLabel)
    }

    /// Takes labels that others drew. Takes none on error.
    pub(super) fn take(&mut self, labels: &[(TransportId, RoutingId)]) -> Result<(), Refusal> {
        for (taken, label) in labels.iter().enumerate() {
            if !self.0.insert(*label) {
                self.release(&labels[..taken]);
                return Err(Refusal::LabelTaken(label.1));
            }
        }
        Ok(())
    }

    /// Gives labels back.
    pub(super) fn release(&mut self, labels: &[(TransportId, RoutingId)]) {
        for label in labels {
            self.0.remove(label);
        }
    }
}
