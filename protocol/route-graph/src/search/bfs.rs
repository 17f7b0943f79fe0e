//! The fewest hops, breadth first from both ends, the smaller frontier next.
//!
//! Both sides expand whole levels, so the first meeting has the fewest hops: had a shorter connection existed, an
//! earlier level would have met it.

use super::{Exhausted, Ground, Leg, Scratch, scratch::Mark};
use crate::{
    NodeIndex,
    path::{RawHop, RawPath},
};

/// Marks the two ends, which no step reached.
const ROOT: u32 = u32::MAX;

/// The path of fewest hops, if one has at most `hops_most`.
pub(super) fn shortest(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
    hops_most: usize,
) -> Result<Option<RawPath>, Exhausted> {
    let stamp = scratch.fresh_stamp();
    for node in ground.rules.avoid.iter().chain(leg.nodes) {
        scratch.marks[node.index()] = Mark { stamp: stamp + 2, step: ROOT };
    }
    for (side, end) in (0..).zip([leg.from, leg.to]) {
        scratch.marks[end.index()] = Mark { stamp: stamp + side, step: ROOT };
        scratch.frontiers[side as usize].clear();
        scratch.frontiers[side as usize].push(end);
    }
    for _ in 0..hops_most {
        let side = usize::from(scratch.frontiers[0].len() > scratch.frontiers[1].len());
        if let Some((near, step)) = expand(ground, scratch, leg, stamp, side)? {
            let far = ground.csr.step(step).to;
            let (u, v) = if side == 0 { (near, far) } else { (far, near) };
            return Ok(Some(join(ground, &scratch.marks, leg.from, (u, v), step)));
        }
        if scratch.frontiers[side].is_empty() {
            break;
        }
    }
    Ok(None)
}

/// Expands one level of one side. The node and the step by which it met the other side, if it did.
fn expand(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
    stamp: u32,
    side: usize,
) -> Result<Option<(NodeIndex, usize)>, Exhausted> {
    let (mine, theirs) = if side == 0 { (stamp, stamp + 1) } else { (stamp + 1, stamp) };
    let csr = ground.csr;
    let level = std::mem::take(&mut scratch.frontiers[side]);
    let mut next = std::mem::take(&mut scratch.frontiers[2]);
    next.clear();
    let mut met = None;
    'level: for node in &level {
        scratch.visits.count()?;
        let at_source = *node == leg.from;
        for step in csr.range(*node, ground.rules.down()) {
            let out = csr.step(step);
            let mark = &mut scratch.marks[out.to.index()];
            let open = mark.stamp == theirs || mark.stamp < stamp;
            if !open || !ground.rules.allows(out) {
                continue;
            }
            if mark.stamp == theirs {
                if leg.permits(*node, out.to, out.transport) {
                    met = Some((*node, step));
                    break 'level;
                }
            } else if !ground.rules.refuses(csr, out.to)
                && (!at_source || leg.permits(*node, out.to, out.transport))
            {
                *mark = Mark { stamp: mine, step: u32::try_from(step).expect("steps are counted in u32") };
                next.push(out.to);
            }
        }
    }
    scratch.frontiers[2] = level;
    scratch.frontiers[side] = next;
    Ok(met)
}

/// The path through the step that connects `u`, reached from the source, and `v`, reached from the destination.
fn join(
    ground: &Ground<'_>,
    marks: &[Mark],
    from: NodeIndex,
    (u, v): (NodeIndex, NodeIndex),
    step: usize,
) -> RawPath {
    let csr = ground.csr;
    let hop = |step: usize, to| RawHop::new(csr, csr.step(step).transport, to, ground.cost(step));
    let mut hops = Vec::new();
    let mut node = u;
    while marks[node.index()].step != ROOT {
        let step = marks[node.index()].step as usize;
        hops.push(hop(step, node));
        node = csr.source(step);
    }
    hops.reverse();
    hops.push(hop(step, v));
    let mut node = v;
    while marks[node.index()].step != ROOT {
        let step = marks[node.index()].step as usize;
        node = csr.source(step);
        hops.push(hop(step, node));
    }
    RawPath::new(from, hops)
}
