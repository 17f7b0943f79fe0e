//! What the rest of a path costs at least: the plain distance to the stage's target, and on from target to target.

use std::{
    cmp::Reverse,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    NodeIndex,
    path::RawPath,
    search::{Exhausted, Ground, Leg, Scratch, scratch::Reach},
};

use super::Rest;

/// The bounds of every stage. A stage ends at a `via` node, the last one at the destination.
pub(super) struct Bounds {
    stages: Vec<Stage>,
}

struct Stage {
    target: NodeIndex,
    /// Distance to the target of every node within the radius.
    settled: HashMap<NodeIndex, u64, BuildHasherDefault<Spread>>,
    /// Distance at which the measuring stopped, which all other nodes have at least.
    radius: u64,
    /// What all later stages cost at least.
    later: u64,
}

/// Nodes that one stage measures. In a large network the search walks from the stage's beginning to where these bounds
/// set in, much as a search from both ends would.
const MEASURED_MAX: usize = 8_192;

impl Bounds {
    /// `relaxed` tells what each stage costs by itself.
    pub(super) fn compute(
        ground: &Ground<'_>,
        scratch: &mut Scratch,
        leg: &Leg<'_>,
        closed: &[NodeIndex],
        relaxed: &RawPath,
    ) -> Result<Self, Exhausted> {
        let mut stages = Vec::with_capacity(leg.via.len() + 1);
        let mut start = leg.from;
        for target in leg.via.iter().chain([&leg.to]) {
            stages.push(measure(ground, scratch, closed, (start, *target))?);
            start = *target;
        }
        let mut later = 0;
        let mut stage = stages.len();
        for hop in relaxed.hops.iter().rev() {
            if stage > 0 && hop.to == stages[stage - 1].target {
                stage -= 1;
                stages[stage].later = later;
            }
            later += u64::from(hop.cost);
        }
        Ok(Self { stages })
    }
}

impl Rest for Bounds {
    fn stages(&self) -> usize {
        self.stages.len()
    }

    fn target(&self, stage: usize) -> NodeIndex {
        self.stages[stage].target
    }

    fn rest(&self, stage: usize, node: NodeIndex) -> u64 {
        match self.stages.get(stage) {
            Some(stage) => stage.settled.get(&node).unwrap_or(&stage.radius) + stage.later,
            None => 0,
        }
    }
}

/// Distances to `target`, outward until `start` is settled or enough is measured (Dijkstra).
fn measure(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    closed: &[NodeIndex],
    (start, target): (NodeIndex, NodeIndex),
) -> Result<Stage, Exhausted> {
    let csr = ground.csr;
    let stamp = scratch.fresh_reach();
    let number = |node: NodeIndex| u32::try_from(node.index()).expect("nodes are counted in u32");
    let mut settled = HashMap::default();
    let mut radius = 0;
    let queue = &mut scratch.queues[0];
    queue.clear();
    queue.push(Reverse((0, number(target))));
    scratch.reached[0][target.index()] = Reach { cost: 0, stamp, step: 0 };
    while let Some(Reverse((distance, node))) = queue.pop() {
        let node = NodeIndex::from(node);
        if scratch.reached[0][node.index()].cost != distance {
            continue;
        }
        scratch.visits.count()?;
        settled.insert(node, distance);
        radius = distance;
        if node == start || settled.len() == MEASURED_MAX {
            break;
        }
        for step in csr.range(node, ground.rules.down()) {
            let out = csr.step(step);
            let distance = distance + u64::from(ground.cost(step));
            let reach = &mut scratch.reached[0][out.to.index()];
            let known = reach.stamp == stamp && reach.cost <= distance;
            let open = || {
                out.to == start
                    || (closed.binary_search(&out.to).is_err() && !ground.rules.refuses(csr, out.to))
            };
            if !known && ground.rules.allows(out) && open() {
                *reach = Reach { cost: distance, stamp, step: 0 };
                queue.push(Reverse((distance, number(out.to))));
            }
        }
    }
    Ok(Stage { target, settled, radius, later: 0 })
}

/// Spreads node numbers over a table (Fibonacci hashing). They are ranks of keys, which nobody can choose.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
