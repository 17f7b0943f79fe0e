//! The least cost within a number of hops, from both ends at once.
//!
//! A node may be reached cheaply by many hops and dearly by few, and either may be the one that fits. So each side keeps
//! several labels per node, none of which is both dearer and longer than another (label setting; Desrochers and
//! Soumis 1988). Every hop costs something, so the best connection is free of loops without looking.

use std::cmp::Reverse;

use super::{Exhausted, Ground, Leg, Scratch};
use crate::{
    NodeIndex,
    path::{RawHop, RawPath},
};

/// No label, no step.
const NONE: u32 = u32::MAX;
/// The label of the end that a side starts from.
const ROOT: u32 = 0;

/// One way to reach a node.
#[derive(Debug, Clone, Copy)]
struct Label {
    cost: u64,
    node: NodeIndex,
    /// By which step, from which label.
    step: u32,
    parent: u32,
    /// The label that was settled at the same node before this one.
    previous: u32,
    hops: u32,
}

/// All labels of one side.
#[derive(Default)]
pub(super) struct Labels {
    all: Vec<Label>,
    /// The label settled last at each node, with the generation of the search.
    latest: Vec<(u32, u32)>,
    stamp: u32,
}

impl Labels {
    pub(super) fn resize(&mut self, nodes: usize) {
        self.latest.resize(nodes, (0, NONE));
    }

    pub(super) fn forget(&mut self) {
        self.latest.fill((0, NONE));
    }

    /// Opens the label of the end that this side starts from. It is settled at once, so that the other side can meet it
    /// however soon it ends.
    fn begin(&mut self, stamp: u32, end: NodeIndex) {
        self.stamp = stamp;
        self.all.clear();
        self.all.push(Label { cost: 0, node: end, step: NONE, parent: NONE, previous: NONE, hops: 0 });
        self.latest[end.index()] = (stamp, ROOT);
    }

    /// The labels settled at a node, latest first.
    fn settled(&self, node: NodeIndex) -> impl Iterator<Item = u32> {
        let (stamp, latest) = self.latest[node.index()];
        let first = (stamp == self.stamp && latest != NONE).then_some(latest);
        std::iter::successors(first, |label| {
            let previous = self.all[*label as usize].previous;
            (previous != NONE).then_some(previous)
        })
    }

    /// Whether a settled label is as good as any label of this many hops that comes later, and so costs no less.
    fn dominates(&self, node: NodeIndex, hops: u32) -> bool {
        self.settled(node).any(|label| self.all[label as usize].hops <= hops)
    }

    /// Settles a label that is next by cost; whether it is of any use.
    fn settle(&mut self, label: u32) -> bool {
        if label == ROOT {
            return true;
        }
        let Label { node, hops, .. } = self.all[label as usize];
        if self.dominates(node, hops) {
            return false;
        }
        let previous = self.settled(node).next().unwrap_or(NONE);
        self.all[label as usize].previous = previous;
        self.latest[node.index()] = (self.stamp, label);
        true
    }

    /// Steps and nodes from a label back to the end that its side started from.
    fn trace(&self, label: u32) -> impl Iterator<Item = &Label> {
        let at = |label: u32| self.all.get(label as usize);
        std::iter::successors(at(label), move |label| at(label.parent))
    }
}

/// The best connection so far: its cost, and the labels and step that it consists of.
struct Meeting {
    cost: u64,
    /// The settled labels, forward and backward.
    labels: [u32; 2],
    /// The step between them, out of the node of the side that found it.
    step: usize,
    side: usize,
}

/// The cheapest path of at most `leg.hops_most` hops, if one costs less than `leg.below`.
pub(super) fn shortest(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
) -> Result<Option<RawPath>, Exhausted> {
    let stamp = scratch.fresh_labels();
    for node in ground.rules.avoid.iter().chain(leg.nodes) {
        // Reuses the marks of breadth-first search: those two never run at once.
        scratch.marks[node.index()].stamp = stamp;
    }
    for (side, end) in [leg.from, leg.to].into_iter().enumerate() {
        scratch.labels[side].begin(stamp, end);
        scratch.queues[side].clear();
        scratch.queues[side].push(Reverse((0, ROOT)));
    }
    let mut best: Option<Meeting> = None;
    while let (Some(Reverse(forward)), Some(Reverse(backward))) =
        (scratch.queues[0].peek(), scratch.queues[1].peek())
    {
        let limit = best.as_ref().map_or(leg.below, |best| best.cost);
        if forward.0 + backward.0 >= limit {
            break;
        }
        let side = usize::from(scratch.queues[0].len() > scratch.queues[1].len());
        let opposite = if side == 0 { backward.0 } else { forward.0 };
        let Reverse((_, label)) = scratch.queues[side].pop().expect("both queues were peeked");
        if scratch.labels[side].settle(label) {
            reach_out(ground, scratch, leg, (side, label, opposite), &mut best)?;
        }
    }
    Ok(best.map(|best| join(ground, scratch, leg.from, &best)))
}

/// Connects a settled label to the other side, and opens labels at its neighbours.
fn reach_out(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
    (side, label, opposite): (usize, u32, u64),
    best: &mut Option<Meeting>,
) -> Result<(), Exhausted> {
    let csr = ground.csr;
    let hops_most = u32::try_from(leg.hops_most).unwrap_or(u32::MAX);
    let goal = if side == 0 { leg.to } else { leg.from };
    let [forward, backward] = &mut scratch.labels;
    let (mine, theirs) = if side == 0 { (forward, backward) } else { (backward, forward) };
    let Label { node, cost, hops, .. } = mine.all[label as usize];
    for step in csr.range(node, ground.rules.down()) {
        let out = csr.step(step);
        if scratch.marks[out.to.index()].stamp == mine.stamp
            || !ground.rules.allows(out)
            || (out.to != goal && ground.rules.refuses(csr, out.to))
            || !leg.permits(node, out.to, out.transport)
        {
            continue;
        }
        let (cost, hops) = (cost + u64::from(ground.cost(step)), hops + 1);
        for other in theirs.settled(out.to) {
            let Label { cost: rest, hops: more, .. } = theirs.all[other as usize];
            let limit = best.as_ref().map_or(leg.below, |best| best.cost);
            if hops + more <= hops_most && cost + rest < limit {
                let labels = if side == 0 { [label, other] } else { [other, label] };
                *best = Some(Meeting { cost: cost + rest, labels, step, side });
            }
        }
        let limit = best.as_ref().map_or(leg.below, |best| best.cost);
        if hops < hops_most && cost + opposite < limit && !mine.dominates(out.to, hops) {
            scratch.visits.count()?;
            let fresh = u32::try_from(mine.all.len()).expect("visits bound the labels");
            let step = u32::try_from(step).expect("steps are counted in u32");
            mine.all.push(Label { cost, node: out.to, step, parent: label, previous: NONE, hops });
            scratch.queues[side].push(Reverse((cost, fresh)));
        }
    }
    Ok(())
}

/// The path through the step that connects the two labels.
fn join(ground: &Ground<'_>, scratch: &Scratch, from: NodeIndex, best: &Meeting) -> RawPath {
    let csr = ground.csr;
    let hop = |step: usize, to| RawHop::new(csr, csr.step(step).transport, to, ground.cost(step));
    let [forward, backward] = &scratch.labels;
    let reached = |label: &&Label| label.step != NONE;
    let mut hops: Vec<RawHop> = forward
        .trace(best.labels[0])
        .take_while(reached)
        .map(|label| hop(label.step as usize, label.node))
        .collect();
    hops.reverse();
    let middle = backward.all[best.labels[1] as usize].node;
    debug_assert!(best.side == 1 || csr.step(best.step).to == middle);
    hops.push(hop(best.step, middle));
    for label in backward.trace(best.labels[1]).take_while(reached) {
        hops.push(hop(label.step as usize, csr.source(label.step as usize)));
    }
    RawPath::new(from, hops)
}
