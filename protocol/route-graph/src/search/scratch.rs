//! Working memory of searches, reused from query to query.

use std::{cmp::Reverse, collections::BinaryHeap};

use byway_base::limits::SEARCH_VISITS_MAX;

use super::{Exhausted, balls::Balls, corridor::Corridor, labels::Labels};
use crate::NodeIndex;

/// Working memory of one worker: 8 bytes per node of the largest graph searched with it, and 48 more once a query needed
/// one of the rarer searches.
///
/// Marks carry the generation of the search that set them, so that a search begins without clearing anything.
#[derive(Default)]
pub struct Scratch {
    generation: u32,
    /// How many vertices the query may still visit.
    pub(super) visits: Visits,
    /// Who reached a node first in a breadth-first search, and by which step.
    pub(super) marks: Vec<Mark>,
    /// The frontiers of a breadth-first search, forward and backward, and the one in the making.
    pub(super) frontiers: [Vec<NodeIndex>; 3],
    /// Of the weighted searches of a query: what serves all its paths, and what serves one.
    pub(super) corridor: Corridor,
    pub(super) leg: Balls,
    /// What the rarer weighted searches know of each node, forward and backward.
    pub(super) reached: [Vec<Reach>; 2],
    /// Their open ends by cost, forward and backward.
    pub(super) queues: [Queue; 2],
    /// Of the search within a number of hops.
    pub(super) labels: [Labels; 2],
}

/// Open ends by ascending cost, then by number.
pub(super) type Queue = BinaryHeap<Reverse<(u64, u32)>>;

/// Set by a breadth-first search at a node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) stamp: u32,
    pub(super) step: u32,
}

/// How a node was reached at which cost, by the search of which generation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach {
    pub(super) cost: u64,
    pub(super) stamp: u32,
    pub(super) step: u32,
}

/// Generations that one search uses: forward, backward, not to be crossed.
pub(super) const STAMPS: u32 = 3;

/// The budget of one query.
#[derive(Default)]
pub(super) struct Visits {
    left: usize,
}

impl Visits {
    /// Counts one visited vertex.
    #[inline]
    pub(super) fn count(&mut self) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(1).ok_or(Exhausted)?;
        Ok(())
    }
}

impl Scratch {
    /// Empty; grows to the graph it is used on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a query on a graph of this many nodes.
    pub(super) fn begin(&mut self, nodes: usize) {
        self.visits = Visits { left: SEARCH_VISITS_MAX };
        self.marks.resize(nodes, Mark::default());
        self.corridor.reset();
    }

    /// A stamp for a search that writes to `reached`, which is there after this.
    pub(super) fn fresh_reach(&mut self) -> u32 {
        for side in &mut self.reached {
            side.resize(self.marks.len(), Reach::default());
        }
        self.fresh_stamp()
    }

    /// A stamp for a search that writes to `labels`, which are there after this.
    pub(super) fn fresh_labels(&mut self) -> u32 {
        for side in &mut self.labels {
            side.resize(self.marks.len());
        }
        self.fresh_stamp()
    }

    /// Stamps that nothing carries yet: this one and the next [`STAMPS`] - 1.
    pub(super) fn fresh_stamp(&mut self) -> u32 {
        if self.generation > u32::MAX - 2 * STAMPS {
            self.generation = 0;
            self.marks.fill(Mark::default());
            for side in 0..2 {
                self.reached[side].fill(Reach::default());
                self.labels[side].forget();
            }
        }
        self.generation += STAMPS;
        self.generation
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("nodes", &self.marks.len()).finish()
    }
}
