//! What lies around both ends, nearest first (Dijkstra 1959, Nicholson 1966), and where the two sides touch.
//!
//! A side settles nodes in the order of their costs. From each it looks at the cheapest way on only, and at the next one
//! when that was taken: far out, nearly all ways on are never taken, and so cost nothing. Whatever one side settles is
//! looked up among the nodes of the other, so that every step between them is known as a crossing.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use super::{
    Exhausted, Ground, Leg,
    scratch::Visits,
    settled::{CLOSED, ROOT, Reach, Settled},
};
use crate::{
    NodeIndex,
    csr::Costs,
    path::{RawHop, RawPath},
};

/// Both sides of one search.
#[derive(Default)]
pub(super) struct Balls {
    sides: [Side; 2],
    /// In the order in which they were found.
    crossings: Vec<Crossing>,
}

#[derive(Default)]
struct Side {
    settled: Settled,
    open: BinaryHeap<Reverse<Open>>,
}

/// The next way on from a settled node: what it leads to costs so much, and it stands at this place of the order, with so
/// many places after it.
type Open = (u64, u32, u32, NodeIndex);

/// A step from what the first side settled to what the second did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crossing {
    /// Of the whole way through it: to it, across, and on.
    pub(super) cost: u64,
    pub(super) from: NodeIndex,
    pub(super) to: NodeIndex,
    step: u32,
}

/// Which crossings are worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// The cheapest alone.
    Best,
    /// All.
    All,
}

impl Balls {
    /// Begins at the ends of `leg`.
    pub(super) fn begin(
        &mut self,
        ground: &Ground<'_>,
        costs: Costs<'_>,
        leg: &Leg<'_>,
        visits: &mut Visits,
        keep: Keep,
    ) -> Result<(), Exhausted> {
        self.crossings.clear();
        for side in &mut self.sides {
            side.open.clear();
            side.settled.begin();
            for node in ground.rules.avoid.iter().chain(leg.nodes) {
                side.settled.insert(*node, Reach { cost: 0, step: CLOSED, from: *node });
            }
        }
        for (side, end) in [leg.from, leg.to].into_iter().enumerate() {
            let root = Reach { cost: 0, step: ROOT, from: end };
            self.settle(ground, costs, leg, visits, (side, keep), (end, root))?;
        }
        Ok(())
    }

    /// Every way between the ends that costs less than this is made of what is settled. All ways, if it is `u64::MAX`.
    pub(super) fn frontier(&self) -> u64 {
        let [forward, backward] = [0, 1].map(|side| self.sides[side].open.peek());
        match (forward, backward) {
            (Some(Reverse(forward)), Some(Reverse(backward))) => forward.0 + backward.0,
            _ => u64::MAX,
        }
    }

    /// Takes the next way on, on the side that has settled less.
    pub(super) fn step(
        &mut self,
        ground: &Ground<'_>,
        costs: Costs<'_>,
        leg: &Leg<'_>,
        visits: &mut Visits,
        keep: Keep,
    ) -> Result<(), Exhausted> {
        let number = usize::from(self.sides[0].settled.len() > self.sides[1].settled.len());
        let side = &mut self.sides[number];
        let Some(mut open) = side.open.peek_mut() else { return Ok(()) };
        let Reverse((cost, place, more, from)) = *open;
        let step = costs.at(place as usize);
        if more > 0 {
            let next = costs.at(place as usize + 1);
            let cost = cost - u64::from(costs.of(step)) + u64::from(costs.of(next));
            *open = Reverse((cost, place + 1, more - 1, from));
            drop(open);
        } else {
            PeekMut::pop(open);
        }
        let out = ground.csr.step(step);
        let goal = if number == 0 { leg.to } else { leg.from };
        let barred = side.settled.get(out.to).is_some()
            || !ground.rules.allows(out)
            || (out.to != goal && ground.rules.refuses(ground.csr, out.to))
            || !leg.permits(from, out.to, out.transport);
        if barred {
            return Ok(());
        }
        let step = u32::try_from(step).expect("steps are counted in u32");
        self.settle(ground, costs, leg, visits, (number, keep), (out.to, Reach { cost, step, from }))
    }

    /// Settles a node: opens its ways on and notes those that lead to the other side.
    fn settle(
        &mut self,
        ground: &Ground<'_>,
        costs: Costs<'_>,
        leg: &Leg<'_>,
        visits: &mut Visits,
        (number, keep): (usize, Keep),
        (node, reach): (NodeIndex, Reach),
    ) -> Result<(), Exhausted> {
        visits.count()?;
        let [forward, backward] = &mut self.sides;
        let (side, other) = if number == 0 { (forward, &*backward) } else { (backward, &*forward) };
        side.settled.insert(node, reach);
        let usable = ground.csr.range(node, false);
        let all = ground.csr.range(node, ground.rules.down());
        for part in [usable.clone(), usable.end..all.end].into_iter().filter(|part| !part.is_empty()) {
            let cost = reach.cost + u64::from(costs.of(costs.at(part.start)));
            let [place, more] = [part.start, part.len() - 1].map(|number| number as u32);
            side.open.push(Reverse((cost, place, more, node)));
        }
        for (step, out) in all.clone().zip(ground.csr.steps(all)) {
            let Some(rest) = other.settled.cost(out.to) else { continue };
            if !ground.rules.allows(out) || !leg.permits(node, out.to, out.transport) {
                continue;
            }
            let cost = reach.cost + u64::from(costs.of(step)) + rest;
            let (from, to) = if number == 0 { (node, out.to) } else { (out.to, node) };
            let step = u32::try_from(step).expect("steps are counted in u32");
            let crossing = Crossing { cost, from, to, step };
            match self.crossings.first_mut() {
                Some(best) if keep == Keep::Best => {
                    if cost < best.cost {
                        *best = crossing;
                    }
                }
                _ => self.crossings.push(crossing),
            }
        }
        Ok(())
    }

    /// The crossings found so far.
    pub(super) fn crossings(&self) -> &[Crossing] {
        &self.crossings
    }

    /// What it costs from the first end to a node that its side has settled.
    pub(super) fn cost_to(&self, node: NodeIndex) -> Option<u64> {
        self.sides[0].settled.cost(node)
    }

    /// What it costs from a node that the second end's side has settled to that end.
    pub(super) fn cost_from(&self, node: NodeIndex) -> Option<u64> {
        self.sides[1].settled.cost(node)
    }

    /// How many nodes both sides hold.
    pub(super) fn len(&self) -> usize {
        self.sides.iter().map(|side| side.settled.len()).sum()
    }

    /// The steps of the way through a crossing, each with the nodes that it leads between.
    pub(super) fn trace(&self, crossing: &Crossing) -> Vec<(NodeIndex, usize, NodeIndex)> {
        let mut steps = Vec::new();
        let mut node = crossing.from;
        while let Some(reach) = self.sides[0].settled.get(node)
            && reach.step != ROOT
        {
            steps.push((reach.from, reach.step as usize, node));
            node = reach.from;
        }
        steps.reverse();
        steps.push((crossing.from, crossing.step as usize, crossing.to));
        let mut node = crossing.to;
        while let Some(reach) = self.sides[1].settled.get(node)
            && reach.step != ROOT
        {
            steps.push((node, reach.step as usize, reach.from));
            node = reach.from;
        }
        steps
    }

    /// The way through a crossing, which need not be free of loops.
    pub(super) fn way(&self, ground: &Ground<'_>, from: NodeIndex, crossing: &Crossing) -> RawPath {
        let hop = |(_, step, to): (NodeIndex, usize, NodeIndex)| {
            RawHop::new(ground.csr, ground.csr.step(step).transport, to, ground.cost(step))
        };
        RawPath::new(from, self.trace(crossing).into_iter().map(hop).collect())
    }
}
