//! The least costs under `hops>=` and `via`, where a path may have to be longer than it need be.
//!
//! Then a dear beginning of a path can be the right one, since a cheap one may use up nodes that the rest needs. So
//! every loop-free beginning counts, and the one that promises least goes on first (A*, Hart et al. 1968). It promises
//! what it has cost, plus at least what the rest costs without the rules, stage by stage through the `via` nodes. Where
//! those bounds are tight, it walks straight to the goal.
//!
//! Long detours have more beginnings than anybody can look at. At a fixed number of them a narrow search takes
//! over, which finds paths but proves nothing ([`beam`]).

mod beam;
mod bounds;

use std::{cmp::Reverse, collections::BinaryHeap};

use byway_base::limits::SEARCH_VISITS_MAX;

use super::{Exhausted, Ground, Leg, Scratch, scratch::Visits};
use crate::{
    NodeIndex,
    path::{RawHop, RawPath},
};
use bounds::Bounds;

/// What the rest of a path costs at least. A path goes from stage to stage, each of which ends at its target; the last
/// target is the destination.
pub(super) trait Rest {
    /// How many stages there are.
    fn stages(&self) -> usize;

    /// Where a stage ends.
    fn target(&self, stage: usize) -> NodeIndex;

    /// The least that it costs to end the path from `node` in `stage`, `u64::MAX` if it cannot be ended; 0 after the
    /// last stage.
    fn rest(&self, stage: usize, node: NodeIndex) -> u64;
}

/// Beginnings that the exact search looks at before the narrow one takes over; leaves that one most of the visits.
const BEGINNINGS_MAX: usize = SEARCH_VISITS_MAX / 16;

/// The best path of a leg, if one costs less than `leg.below`. `relaxed` is the best path of each stage by itself,
/// joined.
pub(super) fn best(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
    relaxed: &RawPath,
) -> Result<Option<RawPath>, Exhausted> {
    let bounds = Bounds::compute(ground, scratch, leg, &closed(ground, leg), relaxed)?;
    let mut guide = Guide::new(ground, leg, bounds);
    match guide.exact(&mut scratch.visits, 1, BEGINNINGS_MAX) {
        Ok(paths) => Ok(paths.into_iter().next()),
        Err(Exhausted) => {
            guide.beginnings.truncate(1);
            beam::search(&mut guide, scratch).map(Some)
        }
    }
}

/// All nodes that are crossed at their own time or never, by ascending number.
fn closed(ground: &Ground<'_>, leg: &Leg<'_>) -> Vec<NodeIndex> {
    let all = ground.rules.avoid.iter().chain(leg.nodes).chain(leg.via).chain([&leg.from, &leg.to]);
    let mut closed: Vec<NodeIndex> = all.copied().collect();
    closed.sort_unstable();
    closed.dedup();
    closed
}

/// The beginning of a path.
#[derive(Debug, Clone, Copy)]
struct Beginning {
    /// Where it has come to, by which step and from which beginning.
    node: NodeIndex,
    step: usize,
    parent: usize,
    hops: usize,
    /// How many of the `via` nodes and the destination it has reached.
    stage: usize,
    cost: u64,
    /// The least that a whole path with this beginning can cost.
    promise: u64,
}

impl Beginning {
    fn at(node: NodeIndex) -> Self {
        Self { node, step: usize::MAX, parent: usize::MAX, hops: 0, stage: 0, cost: 0, promise: 0 }
    }
}

/// The search and all beginnings it has looked at.
pub(super) struct Guide<'a, R> {
    ground: &'a Ground<'a>,
    leg: &'a Leg<'a>,
    closed: Vec<NodeIndex>,
    bounds: R,
    beginnings: Vec<Beginning>,
}

impl<'a, R: Rest> Guide<'a, R> {
    /// At the beginning of `leg`.
    pub(super) fn new(ground: &'a Ground<'a>, leg: &'a Leg<'a>, bounds: R) -> Self {
        let (closed, beginnings) = (closed(ground, leg), vec![Beginning::at(leg.from)]);
        Self { ground, leg, closed, bounds, beginnings }
    }

    /// The `wanted` best paths in order, or all there are, unless more than `most` beginnings are used up before.
    pub(super) fn exact(
        &mut self,
        visits: &mut Visits,
        wanted: usize,
        most: usize,
    ) -> Result<Vec<RawPath>, Exhausted> {
        // Of equal promises the longer beginning goes first: it is nearer to its end.
        let mut open = BinaryHeap::from([Reverse((0, Reverse(0), 0))]);
        let (mut children, mut paths) = (Vec::new(), Vec::new());
        while let Some(Reverse((_, _, at))) = open.pop() {
            if self.is_complete(&self.beginnings[at]) {
                paths.push(self.path(at, true));
                if paths.len() == wanted {
                    break;
                }
                continue;
            }
            self.continue_from(at, &mut children);
            for child in children.drain(..) {
                if self.beginnings.len() >= most {
                    return Err(Exhausted);
                }
                visits.count()?;
                open.push(Reverse((child.promise, Reverse(child.hops), self.beginnings.len())));
                self.beginnings.push(child);
            }
        }
        Ok(paths)
    }

    fn is_complete(&self, beginning: &Beginning) -> bool {
        beginning.stage == self.bounds.stages()
    }

    /// Every beginning that is one hop longer than the one at `parent`.
    fn continue_from(&self, parent: usize, children: &mut Vec<Beginning>) {
        let csr = self.ground.csr;
        let before = self.beginnings[parent];
        let target = self.bounds.target(before.stage);
        let last = before.stage + 1 == self.bounds.stages();
        let rules = self.ground.rules;
        let hops = before.hops + 1;
        for step in csr.range(before.node, rules.down()) {
            let out = csr.step(step);
            if !rules.allows(out) || self.leg.transports.contains(&out.transport) {
                continue;
            }
            let arrives = out.to == target;
            let open = if arrives {
                !last || hops >= self.leg.hops_least
            } else {
                self.closed.binary_search(&out.to).is_err()
                    && !rules.refuses(csr, out.to)
                    && !self.has_crossed(parent, out.to)
            };
            let stage = before.stage + usize::from(arrives);
            if !open || hops + (self.bounds.stages() - stage) > self.leg.hops_most {
                continue;
            }
            let cost = before.cost + u64::from(self.ground.cost(step));
            let missing = self.leg.hops_least.saturating_sub(hops) as u64;
            let promise = cost.saturating_add(self.bounds.rest(stage, out.to).max(missing));
            if promise < self.leg.below {
                children.push(Beginning { node: out.to, step, parent, hops, stage, cost, promise });
            }
        }
    }

    fn has_crossed(&self, mut at: usize, node: NodeIndex) -> bool {
        while let Some(beginning) = self.beginnings.get(at) {
            if beginning.node == node {
                return true;
            }
            at = beginning.parent;
        }
        false
    }

    fn path(&self, mut at: usize, proven: bool) -> RawPath {
        let csr = self.ground.csr;
        let mut hops = Vec::new();
        while self.beginnings[at].hops > 0 {
            let Beginning { node, step, parent, .. } = self.beginnings[at];
            hops.push(RawHop::new(csr, csr.step(step).transport, node, self.ground.cost(step)));
            at = parent;
        }
        hops.reverse();
        RawPath { proven, ..RawPath::new(self.leg.from, hops) }
    }
}
