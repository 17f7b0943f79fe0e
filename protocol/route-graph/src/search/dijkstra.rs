//! The least cost, from both ends at once (Dijkstra 1959, Nicholson 1966), whatever the number of hops.
//!
//! It ends when the two smallest open costs add up to at least the best connection found: any other path crosses from
//! what one side has settled to what the other has, and so costs no less.

use std::cmp::Reverse;

use super::{Exhausted, Ground, Leg, Scratch};
use crate::{
    NodeIndex,
    path::{RawHop, RawPath},
};

/// Marks what no step reached: the ends, and nodes not to be crossed.
const ROOT: u32 = u32::MAX;

/// What one side knows of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reach {
    pub(super) cost: u64,
    pub(super) stamp: u32,
    pub(super) step: u32,
}

/// The best connection so far: its cost and the node where the sides met.
type Meeting = Option<(u64, NodeIndex)>;

/// The cheapest path, if one costs less than `leg.below`. `leg.hops_most` is left to the caller.
pub(super) fn shortest(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
) -> Result<Option<RawPath>, Exhausted> {
    let stamp = scratch.fresh_stamp();
    for side in 0..2 {
        // A node that seems reached at no cost is never reached better, and so never crossed.
        for node in ground.rules.avoid.iter().chain(leg.nodes) {
            scratch.reached[side][node.index()] = Reach { cost: 0, stamp, step: ROOT };
        }
        let end = [leg.from, leg.to][side];
        scratch.reached[side][end.index()] = Reach { cost: 0, stamp, step: ROOT };
        scratch.queues[side].clear();
        scratch.queues[side].push(Reverse((0, index(end))));
    }
    let mut best: Meeting = None;
    while let (Some(Reverse(forward)), Some(Reverse(backward))) =
        (scratch.queues[0].peek(), scratch.queues[1].peek())
    {
        let limit = best.map_or(leg.below, |(cost, _)| cost);
        if forward.0 + backward.0 >= limit {
            break;
        }
        let side = usize::from(scratch.queues[0].len() > scratch.queues[1].len());
        let opposite = if side == 0 { backward.0 } else { forward.0 };
        let (cost, node) = scratch.queues[side].pop().expect("both queues were peeked").0;
        let node = NodeIndex::from(node);
        if scratch.reached[side][node.index()].cost == cost {
            scratch.visits.count()?;
            settle(ground, scratch, leg, (stamp, side), (node, cost, opposite), &mut best);
        }
    }
    Ok(best.map(|(_, node)| join(ground, scratch, leg.from, node)))
}

/// Reaches out from a node that one side has settled. `opposite` is the other side's smallest open cost.
fn settle(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
    (stamp, side): (u32, usize),
    (node, cost, opposite): (NodeIndex, u64, u64),
    best: &mut Meeting,
) {
    let csr = ground.csr;
    let goal = if side == 0 { leg.to } else { leg.from };
    let [forward, backward] = &mut scratch.reached;
    let (mine, theirs) = if side == 0 { (forward, backward) } else { (backward, forward) };
    for step in csr.range(node, ground.rules.down()) {
        let out = &csr.steps()[step];
        let cost = cost + u64::from(ground.cost(step));
        let reach = &mut mine[out.to.index()];
        let worse = reach.stamp == stamp && reach.cost <= cost;
        if worse
            || !ground.rules.allows(out)
            || (out.to != goal && ground.rules.refuses(csr, out.to))
            || !leg.permits(node, out.to, out.transport)
        {
            continue;
        }
        *reach = Reach { cost, stamp, step: u32::try_from(step).expect("steps are counted in u32") };
        let other = theirs[out.to.index()];
        let mut limit = best.map_or(leg.below, |(cost, _)| cost);
        if other.stamp == stamp && cost + other.cost < limit {
            limit = cost + other.cost;
            *best = Some((limit, out.to));
        }
        // What the other side has not settled is at least `opposite` away from its end.
        if cost + opposite < limit {
            scratch.queues[side].push(Reverse((cost, index(out.to))));
        }
    }
}

/// The path through the node where the sides met best.
fn join(ground: &Ground<'_>, scratch: &Scratch, from: NodeIndex, met: NodeIndex) -> RawPath {
    let csr = ground.csr;
    let hop = |step: usize, to| RawHop::new(csr, csr.steps()[step].transport, to, ground.cost(step));
    let mut hops = Vec::new();
    let mut node = met;
    while scratch.reached[0][node.index()].step != ROOT {
        let step = scratch.reached[0][node.index()].step as usize;
        hops.push(hop(step, node));
        node = csr.source(step);
    }
    hops.reverse();
    let mut node = met;
    while scratch.reached[1][node.index()].step != ROOT {
        let step = scratch.reached[1][node.index()].step as usize;
        node = csr.source(step);
        hops.push(hop(step, node));
    }
    RawPath::new(from, hops)
}

fn index(node: NodeIndex) -> u32 {
    u32::try_from(node.index()).expect("nodes are counted in u32")
}
