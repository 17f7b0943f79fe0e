//! What one side of a weighted search has settled.
//!
//! A search settles hundreds or thousands of a million nodes. They stand in a small table of their own, which stays in
//! the processor's nearest memory, where a field per node of the graph would cost a trip to the farthest each time.

use crate::NodeIndex;

/// How a node was settled.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach {
    /// The cost from the side's end.
    pub(super) cost: u64,
    /// By which step from which node; [`ROOT`] at the end itself, [`CLOSED`] where no path may go.
    pub(super) step: u32,
    pub(super) from: NodeIndex,
}

/// Marks the end that a side starts from.
pub(super) const ROOT: u32 = u32::MAX;
/// Marks a node that is never settled.
pub(super) const CLOSED: u32 = u32::MAX - 1;

impl Reach {
    pub(super) fn is_open(&self) -> bool {
        self.step != CLOSED
    }
}

/// Nodes by number: open addressing, at most half full. Slots carry the generation that filled them, so that a search
/// begins without clearing anything.
#[derive(Default)]
pub(super) struct Settled {
    slots: Vec<Slot>,
    generation: u32,
    count: usize,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    node: u32,
    /// 0 if it was never filled.
    generation: u32,
    reach: Reach,
}

/// Slots of a fresh table, a power of two.
const SLOTS: usize = 1 << 10;
/// A table that grew beyond this in a rare wide search is given back before the next one.
const SLOTS_KEPT: usize = 1 << 16;

impl Settled {
    /// Begins anew.
    pub(super) fn begin(&mut self) {
        if self.slots.is_empty() || self.slots.len() > SLOTS_KEPT || self.generation == u32::MAX {
            self.slots = vec![Slot::default(); SLOTS];
            self.generation = 0;
        }
        self.generation += 1;
        self.count = 0;
    }

    /// How many nodes it holds, those that are closed included.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn get(&self, node: NodeIndex) -> Option<Reach> {
        let slot = &self.slots[self.place(node)];
        (slot.generation == self.generation).then_some(slot.reach)
    }

    /// The cost of a node that is settled.
    #[inline]
    pub(super) fn cost(&self, node: NodeIndex) -> Option<u64> {
        self.get(node).filter(Reach::is_open).map(|reach| reach.cost)
    }

    /// Adds a node, or replaces what is known of it.
    pub(super) fn insert(&mut self, node: NodeIndex, reach: Reach) {
        let place = self.place(node);
        let slot = &mut self.slots[place];
        self.count += usize::from(slot.generation != self.generation);
        *slot = Slot { node: number(node), generation: self.generation, reach };
        if self.count * 2 > self.slots.len() {
            self.grow();
        }
    }

    /// Where a node stands, or would.
    #[inline]
    fn place(&self, node: NodeIndex) -> usize {
        let (node, mask) = (number(node), self.slots.len() - 1);
        // Fibonacci hashing. Numbers are ranks of keys, which nobody can choose.
        let mut place = (u64::from(node).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.slots[place].generation == self.generation && self.slots[place].node != node {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let wider = vec![Slot::default(); self.slots.len() * 2];
        let (former, generation) = (std::mem::replace(&mut self.slots, wider), self.generation);
        self.generation = 1;
        for slot in former.into_iter().filter(|slot| slot.generation == generation) {
            let place = self.place(NodeIndex::from(slot.node));
            self.slots[place] = Slot { generation: 1, ..slot };
        }
    }
}

#[inline]
fn number(node: NodeIndex) -> u32 {
    // Nodes are counted in u32.
    node.index() as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_put_in_since_it_began(
            rounds in prop::collection::vec(prop::collection::vec((0..5_000_u32, any::<u32>()), 0..2_000), 1..4),
        ) {
            let mut settled = Settled::default();
            for round in rounds {
                settled.begin();
                let mut model = BTreeMap::new();
                for (node, cost) in round {
                    let reach = Reach { cost: cost.into(), step: ROOT, from: NodeIndex::from(0) };
                    settled.insert(NodeIndex::from(node), reach);
                    model.insert(node, u64::from(cost));
                }
                prop_assert_eq!(settled.len(), model.len());
                for node in 0..5_000 {
                    prop_assert_eq!(settled.cost(NodeIndex::from(node)), model.get(&node).copied());
                }
            }
        }
    }
}
