//! The k least costs without looking anything up twice: all paths of at most a certain cost, from one search.
//!
//! When both balls together reach as far as a cost, every path below it lies between nodes whose distances to both ends
//! add up to less: a corridor of a few dozen nodes in a network of a million. What is settled around the source lacks
//! the distances to the destination; in the corridor they follow from the crossings. With them in hand, a walk from the
//! source that always goes on where it promises most (A*, Hart et al. 1968) hits one path after the other, in order.
//!
//! How far the balls have to reach shows by the crossings: each of them that is free of loops is a path. So k of them
//! bound the k-th best. Paths without a common intermediate are not looked for here: the second of them costs so much more
//! than the best that a search of its own is cheaper than the wider corridor.

use std::cmp::Reverse;

use super::{
    Exhausted, Ground, Leg, Scratch,
    balls::{Balls, Crossing, Keep},
    guided::{Guide, Rest},
    scratch::{Queue, Visits},
    settled::{ROOT, Reach, Settled},
};
use crate::{NodeIndex, csr::Costs, path::RawPath};

/// Crossings that are looked at. A network so dense is searched leg by leg.
const CROSSINGS_MAX: usize = 4_096;
/// Beginnings of paths that the walk looks at.
const BEGINNINGS_MAX: usize = 8_192;
/// How much further than for the best path the balls may grow, and how many nodes they may hold in any case. Where a
/// bottleneck leaves no other path, to search with the bottleneck closed is cheaper than to search everywhere.
const GROWTH_MAX: usize = 8;
const GROWTH_FREE: usize = 512;

/// What is known of one query between its ends.
#[derive(Default)]
pub(super) struct Corridor {
    balls: Balls,
    /// Distances to the destination of nodes that only the source's ball holds.
    inner: Settled,
    queue: Queue,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// The query has not asked yet.
    #[default]
    Fresh,
    /// The balls held so many nodes when the best path was found; none yet before that.
    Grown { at_best: Option<usize> },
    /// It holds more than is worth looking at.
    TooWide,
}

impl Corridor {
    /// Forgets the last query.
    pub(super) fn reset(&mut self) {
        self.stage = Stage::Fresh;
    }
}

/// Up to `wanted` cheapest paths of the query, in order; fewer only if there are no more. `None` where this is not the way
/// to find them: under rules that distances say nothing about, and where too much lies in the corridor.
pub(super) fn cheapest(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    wanted: usize,
) -> Result<Option<Vec<RawPath>>, Exhausted> {
    let Some(costs) = ground.costs.filter(|_| ground.rules.are_plain()) else { return Ok(None) };
    let Scratch { corridor, visits, .. } = scratch;
    let leg = Leg::whole(ground.rules, &[], &[]);
    match corridor.stage {
        Stage::TooWide => return Ok(None),
        Stage::Fresh => {
            corridor.balls.begin(ground, costs, &leg, visits, Keep::All)?;
            corridor.stage = Stage::Grown { at_best: None };
        }
        Stage::Grown { .. } => {}
    }
    Search { ground, costs, leg, corridor, visits, known: Vec::new(), seen: 0 }.run(wanted)
}

/// One call of [`cheapest`].
struct Search<'a, 'b> {
    ground: &'a Ground<'a>,
    costs: Costs<'a>,
    /// The whole query.
    leg: Leg<'a>,
    corridor: &'b mut Corridor,
    visits: &'b mut Visits,
    /// Costs of the crossings that are paths, ascending.
    known: Vec<u64>,
    /// How many crossings were looked at.
    seen: usize,
}

impl Search<'_, '_> {
    fn run(&mut self, wanted: usize) -> Result<Option<Vec<RawPath>>, Exhausted> {
        let mut bound_by = wanted;
        while self.grow(bound_by)? {
            if let Some(best) = self.best_itself().filter(|_| wanted == 1) {
                return Ok(Some(vec![best]));
            }
            let below = self.corridor.balls.frontier();
            self.measure(below)?;
            let Some(found) = self.walk(below, wanted) else { break };
            if found.len() >= wanted || below == u64::MAX {
                return Ok(Some(found));
            }
            // Several crossings were the same path.
            let within = self.known.partition_point(|cost| *cost < below);
            bound_by = within + (wanted - found.len());
        }
        Ok(None)
    }

    /// Lets the balls grow until they reach beyond so many paths; false if they would grow too much.
    fn grow(&mut self, bound_by: usize) -> Result<bool, Exhausted> {
        loop {
            self.look_at_crossings();
            let Corridor { balls, stage, .. } = &mut *self.corridor;
            let bound = self.known.get(bound_by - 1).copied().unwrap_or(u64::MAX);
            let frontier = balls.frontier();
            if frontier == u64::MAX || frontier > bound {
                return Ok(true);
            }
            let at_best = match stage {
                Stage::Grown { at_best } => at_best,
                Stage::Fresh | Stage::TooWide => return Ok(false),
            };
            if at_best.is_none() && balls.crossings().iter().any(|crossing| crossing.cost < frontier) {
                *at_best = Some(balls.len());
            }
            let is_narrow = at_best.is_none_or(|at_best| balls.len() <= at_best * GROWTH_MAX + GROWTH_FREE);
            if balls.crossings().len() > CROSSINGS_MAX {
                *stage = Stage::TooWide;
                return Ok(false);
            }
            if !is_narrow {
                return Ok(false);
            }
            balls.step(self.ground, self.costs, &self.leg, self.visits, Keep::All)?;
        }
    }

    fn look_at_crossings(&mut self) {
        for crossing in &self.corridor.balls.crossings()[self.seen..] {
            if is_path(&self.corridor.balls, &self.leg, crossing) {
                let place = self.known.partition_point(|cost| *cost <= crossing.cost);
                self.known.insert(place, crossing.cost);
            }
        }
        self.seen = self.corridor.balls.crossings().len();
    }

    /// The best crossing, if it is a path: then nothing is better.
    fn best_itself(&self) -> Option<RawPath> {
        let balls = &self.corridor.balls;
        let best = balls.crossings().iter().min_by_key(|crossing| crossing.cost)?;
        is_path(balls, &self.leg, best).then(|| balls.way(self.ground, self.leg.from, best))
    }

    /// Carries the distances to the destination on, from the crossings into the source's ball, as far as paths below a
    /// cost can be.
    fn measure(&mut self, below: u64) -> Result<(), Exhausted> {
        let Corridor { balls, inner, queue, .. } = &mut *self.corridor;
        let (csr, rules) = (self.ground.csr, self.ground.rules);
        inner.begin();
        queue.clear();
        for crossing in balls.crossings().iter().filter(|crossing| crossing.cost < below) {
            if let Some(cost) = balls.cost_to(crossing.from) {
                queue.push(Reverse((crossing.cost - cost, number(crossing.from))));
            }
        }
        while let Some(Reverse((rest, node))) = queue.pop() {
            let node = NodeIndex::from(node);
            let is_known = |node| balls.cost_from(node).is_some() || inner.get(node).is_some();
            if is_known(node) {
                continue;
            }
            self.visits.count()?;
            let (usable, all) = (csr.range(node, false), csr.range(node, rules.down()));
            for part in [usable.clone(), usable.end..all.end] {
                for place in part {
                    let step = self.costs.at(place);
                    let rest = rest + u64::from(self.costs.of(step));
                    if rest >= below {
                        break;
                    }
                    let out = csr.step(step);
                    let is_inside = balls.cost_to(out.to).is_some_and(|cost| cost + rest < below);
                    if is_inside
                        && !is_known(out.to)
                        && rules.allows(out)
                        && self.leg.permits(node, out.to, out.transport)
                    {
                        queue.push(Reverse((rest, number(out.to))));
                    }
                }
            }
            inner.insert(node, Reach { cost: rest, step: ROOT, from: node });
        }
        Ok(())
    }

    /// The cheapest paths below a cost; none if there are too many beginnings.
    fn walk(&mut self, below: u64, wanted: usize) -> Option<Vec<RawPath>> {
        let rests = Rests { corridor: self.corridor, to: self.leg.to };
        let leg = Leg { below, ..self.leg };
        let found = Guide::new(self.ground, &leg, rests).exact(self.visits, wanted, BEGINNINGS_MAX);
        if found.is_err() {
            self.corridor.stage = Stage::TooWide;
        }
        found.ok()
    }
}

/// Whether the way through a crossing is free of loops and not too long.
fn is_path(balls: &Balls, leg: &Leg<'_>, crossing: &Crossing) -> bool {
    let trace = balls.trace(crossing);
    let is_new = |(at, (_, _, to)): (usize, &(NodeIndex, usize, NodeIndex))| {
        *to != leg.from && trace[..at].iter().all(|(_, _, before)| before != to)
    };
    trace.len() <= leg.hops_most && trace.iter().enumerate().all(is_new)
}

/// Distances to the destination, as bounds for the walk.
struct Rests<'a> {
    corridor: &'a Corridor,
    to: NodeIndex,
}

impl Rest for Rests<'_> {
    fn stages(&self) -> usize {
        1
    }

    fn target(&self, _: usize) -> NodeIndex {
        self.to
    }

    fn rest(&self, stage: usize, node: NodeIndex) -> u64 {
        if stage > 0 {
            return 0;
        }
        let Corridor { balls, inner, .. } = self.corridor;
        balls.cost_from(node).or_else(|| inner.cost(node)).unwrap_or(u64::MAX)
    }
}

fn number(node: NodeIndex) -> u32 {
    u32::try_from(node.index()).expect("nodes are counted in u32")
}
