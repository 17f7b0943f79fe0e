//! One round: the way to one path more, searched from both ends at once.
//!
//! What is taken back makes steps of negative cost, so a place may improve after it was left, and is then left again.
//! The sides may stop only when their smallest open costs exceed the best way by all that could still be returned. After
//! a number of visits the best way known is good enough.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{Flow, Move};
use crate::{
    NodeIndex,
    path::RawHop,
    search::{Exhausted, Ground, Scratch, scratch::Reach},
};

/// Places that a round visits before it settles for the best way it knows.
const VISITS_ENOUGH: usize = 4_096;
/// Places that a round visits before it gives up. The answer found without this search stands then.
const VISITS_MAX: usize = 32_768;

/// Where a round stands: at a node, and whether it may only take back the hop that leads there.
type Place = (NodeIndex, bool);

/// Costs start from here, so that what is taken back does not lead below zero.
const BIAS: u64 = 1 << 48;
/// How a place was reached, where it was not by a step: as an end, by turning to take hops back, by taking one back.
const ROOT: u32 = u32::MAX;
const TURNED: u32 = u32::MAX - 1;
const TOOK_BACK: u32 = u32::MAX - 2;

/// The moves to one path more, if there is one.
pub(super) fn run(
    ground: &Ground<'_>,
    flow: &Flow,
    scratch: &mut Scratch,
) -> Result<Option<Vec<Move>>, Exhausted> {
    let stamp = scratch.fresh_reach();
    let sides = [Side::default(), Side::default()];
    let mut round = Round { ground, flow, scratch, stamp, sides, best: None };
    round.reach(0, (ground.rules.from, false), BIAS, ROOT);
    round.reach(1, (ground.rules.to, false), BIAS, ROOT);
    round.search()?;
    Ok(round.best.map(|(_, place)| round.moves(place)))
}

/// One end's part of the search. Free places stand in the scratch; those that may only take back are few.
#[derive(Default)]
struct Side {
    bound: BTreeMap<NodeIndex, Reach>,
    open: BinaryHeap<Reverse<(u64, Place)>>,
}

struct Round<'a> {
    ground: &'a Ground<'a>,
    flow: &'a Flow,
    scratch: &'a mut Scratch,
    stamp: u32,
    /// From the source on, and from the destination back.
    sides: [Side; 2],
    /// The cheapest way known, with both biases, and the place where the sides met.
    best: Option<(u64, Place)>,
}

impl Round<'_> {
    fn search(&mut self) -> Result<(), Exhausted> {
        let refund = self.flow.cost();
        for visits in 0..VISITS_MAX {
            let [Some(Reverse((forward, _))), Some(Reverse((backward, _)))] =
                [0, 1].map(|side| self.sides[side].open.peek())
            else {
                break;
            };
            let settled =
                |best: u64| forward + backward >= best + if visits < VISITS_ENOUGH { refund } else { 0 };
            if self.best.is_some_and(|(best, _)| settled(best)) {
                break;
            }
            let side = usize::from(self.sides[0].open.len() > self.sides[1].open.len());
            let Reverse((cost, place)) = self.sides[side].open.pop().expect("both were peeked");
            if self.known(side, place).is_some_and(|known| known.cost == cost) {
                self.scratch.visits.count()?;
                self.take_back(side, place, cost);
                self.cross(side, place, cost);
            }
        }
        Ok(())
    }

    fn known(&self, side: usize, (node, bound): Place) -> Option<Reach> {
        if bound {
            return self.sides[side].bound.get(&node).copied();
        }
        let reach = self.scratch.reached[side][node.index()];
        (reach.stamp == self.stamp).then_some(reach)
    }

    fn reach(&mut self, side: usize, place: Place, cost: u64, step: u32) {
        if self.known(side, place).is_some_and(|known| known.cost <= cost) {
            return;
        }
        let (node, bound) = place;
        let reach = Reach { cost, stamp: self.stamp, step };
        if bound {
            self.sides[side].bound.insert(node, reach);
        } else {
            self.scratch.reached[side][node.index()] = reach;
        }
        self.sides[side].open.push(Reverse((cost, place)));
        if let Some(other) = self.known(1 - side, place)
            && self.best.is_none_or(|(best, _)| cost + other.cost < best)
        {
            self.best = Some((cost + other.cost, place));
        }
    }

    /// The moves along a path found before, against its direction; on the backward side the other way about.
    fn take_back(&mut self, side: usize, (node, bound): Place, cost: u64) {
        let Some((before, returned)) = self.flow.before.get(&node) else { return };
        match (side, bound) {
            (0, true) if *before != self.ground.rules.from => {
                self.reach(0, (*before, false), cost - returned, TOOK_BACK);
            }
            (0, false) => self.reach(0, (node, true), cost, TURNED),
            (1, true) => self.reach(1, (node, false), cost, TURNED),
            (1, false) => {
                let next = self.flow.next[&node];
                if next.to != self.ground.rules.to {
                    self.reach(1, (next.to, true), cost - u64::from(next.cost), TOOK_BACK);
                }
            }
            _ => {}
        }
    }

    /// The moves across transports that no path uses. They start from free places only, and end where a path passes
    /// in places that may only take back.
    fn cross(&mut self, side: usize, (node, bound): Place, cost: u64) {
        let Ground { csr, rules, .. } = *self.ground;
        let passed = self.flow.before.contains_key(&node);
        let end = |node| node == rules.from || node == rules.to;
        let (home, goal) = if side == 0 { (rules.from, rules.to) } else { (rules.to, rules.from) };
        let may = if side == 0 { !bound } else { bound == passed };
        if !may || node == goal {
            return;
        }
        for step in csr.range(node, rules.down()) {
            let out = csr.step(step);
            let straight = end(node) && end(out.to);
            let used = (passed || end(node)) && self.flow.uses(out.transport);
            if out.to == home
                || used
                || (straight && rules.hops_least > 1)
                || !rules.allows(out)
                || (!end(out.to) && self.ground.is_barred(out.to))
            {
                continue;
            }
            let arrived = (out.to, side == 0 && self.flow.before.contains_key(&out.to));
            let by = u32::try_from(step).expect("steps are counted in u32");
            self.reach(side, arrived, cost + u64::from(self.ground.cost(step)), by);
        }
    }

    /// The whole way through the place where the sides met, without what it does in rings.
    fn moves(&self, met: Place) -> Vec<Move> {
        let mut way = self.trace(0, met);
        way.reverse();
        way.extend(self.trace(1, met));
        let mut moves: Vec<(Place, Option<Move>)> = Vec::new();
        for (place, change) in way {
            if let Some(ring) = moves.iter().position(|(known, _)| *known == place) {
                moves.truncate(ring);
            }
            moves.push((place, change));
        }
        moves.into_iter().filter_map(|(_, change)| change).collect()
    }

    /// From a place to the side's end: each move with the place where it starts in the direction of the path.
    fn trace(&self, side: usize, mut place: Place) -> Vec<(Place, Option<Move>)> {
        let csr = self.ground.csr;
        let mut way = Vec::new();
        // A defect must not make this endless: there are at most two places at a node.
        while let Some(Reach { step, .. }) = self.known(side, place)
            && step != ROOT
            && way.len() < 2 * csr.node_count()
        {
            let (node, bound) = place;
            let (toward_end, change) = match step {
                TURNED => ((node, !bound), None),
                TOOK_BACK if side == 0 => {
                    ((self.flow.next[&node].to, true), Some(Move::TakeBack { leaving: node }))
                }
                TOOK_BACK => {
                    let (before, _) = self.flow.before[&node];
                    ((before, false), Some(Move::TakeBack { leaving: before }))
                }
                step => {
                    let (step, other) = (step as usize, csr.source(step as usize));
                    let (from, to) = if side == 0 { (other, node) } else { (node, other) };
                    let transport = csr.step(step).transport;
                    let hop = RawHop::new(csr, transport, to, self.ground.cost(step));
                    let bound = side == 1 && self.flow.before.contains_key(&other);
                    ((other, bound), Some(Move::Cross { from, hop }))
                }
            };
            way.push((if side == 0 { toward_end } else { place }, change));
            place = toward_end;
        }
        way
    }
}
