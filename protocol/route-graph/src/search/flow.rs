//! A set of paths without a common intermediate, where taking the best path first bars the others (Suurballe 1974,
//! Bhandari 1999).
//!
//! Each round finds a way to one path more, which may take hops of earlier paths back: a step against such a hop returns
//! its cost, and the two paths exchange their ends there. A node that a path crosses is entered from outside only in
//! order to take back the hop that leads to it.

mod round;

use std::collections::{BTreeMap, BTreeSet};

use super::{Exhausted, Ground, Leg, Scratch};
use crate::{
    NodeIndex, TransportIndex,
    path::{RawHop, RawPath},
};

/// Up to `wanted` paths by ascending cost; fewer, or none, if there are no more or they are not within the rules.
pub(super) fn find(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    wanted: usize,
) -> Result<Vec<RawPath>, Exhausted> {
    let rules = ground.rules;
    let wanted = wanted.min(ways(ground, rules.from)).min(ways(ground, rules.to));
    if wanted < 2 {
        return Ok(Vec::new());
    }
    // The rounds start from the cheapest path of all, however long it is.
    let leg = Leg { hops_most: usize::MAX, ..Leg::whole(rules, &[], &[]) };
    let Some(first) = leg.plain(ground, scratch)? else { return Ok(Vec::new()) };
    let mut flow = Flow::default();
    flow.apply(
        rules.from,
        first.nodes().zip(&first.hops).map(|(from, hop)| Move::Cross { from, hop: *hop }).collect(),
    );
    let mut paths = Vec::new();
    while flow.starts.len() < wanted {
        let Some(moves) = round::run(ground, &flow, scratch)? else { break };
        flow.apply(rules.from, moves);
        let set = flow.paths(rules.from);
        if !are_within_rules(ground, &set) {
            break;
        }
        paths = set;
    }
    Ok(paths)
}

/// How many paths an end has room for: one per neighbour, and one per transport to the other end.
fn ways(ground: &Ground<'_>, end: NodeIndex) -> usize {
    let rules = ground.rules;
    let other = if end == rules.from { rules.to } else { rules.from };
    let (mut neighbours, mut direct) = (BTreeSet::new(), 0);
    for out in ground.csr.steps(ground.csr.range(end, rules.down())) {
        if !rules.allows(out) {
            continue;
        }
        if out.to == other {
            direct += usize::from(rules.hops_least < 2);
        } else if !ground.is_barred(out.to) {
            neighbours.insert(out.to);
        }
    }
    neighbours.len() + direct
}

/// Rounds know no bound on hops, and one that settled for less than the cheapest way leaves later ones on loose ground.
fn are_within_rules(ground: &Ground<'_>, paths: &[RawPath]) -> bool {
    let mut crossed = BTreeSet::new();
    paths.iter().all(|path| {
        path.hops.len() <= ground.rules.hops_most
            && path.hops.last().is_some_and(|last| last.to == ground.rules.to)
            && path.intermediates().all(|node| crossed.insert(node))
    })
}

/// The paths of the rounds so far, as the hops that they consist of.
#[derive(Default)]
struct Flow {
    /// The first hop of each path.
    starts: Vec<RawHop>,
    /// The hop out of each intermediate.
    next: BTreeMap<NodeIndex, RawHop>,
    /// The node before each intermediate, and the cost of the hop between them.
    before: BTreeMap<NodeIndex, (NodeIndex, u64)>,
}

/// One change of the paths.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// Crosses a transport that no path uses.
    Cross { from: NodeIndex, hop: RawHop },
    /// Takes back the hop that leaves this node.
    TakeBack { leaving: NodeIndex },
}

impl Flow {
    fn apply(&mut self, source: NodeIndex, moves: Vec<Move>) {
        for change in &moves {
            if let Move::TakeBack { leaving } = change {
                self.next.remove(leaving);
            }
        }
        for change in moves {
            match change {
                Move::Cross { from, hop } if from == source => self.starts.push(hop),
                Move::Cross { from, hop } => {
                    self.next.insert(from, hop);
                }
                Move::TakeBack { .. } => {}
            }
        }
        self.before.clear();
        for path in self.paths(source) {
            let hops = path.nodes().zip(&path.hops).take(path.hops.len() - 1);
            self.before.extend(hops.map(|(node, hop)| (hop.to, (node, u64::from(hop.cost)))));
        }
    }

    fn hops(&self) -> impl Iterator<Item = &RawHop> {
        self.starts.iter().chain(self.next.values())
    }

    fn uses(&self, transport: TransportIndex) -> bool {
        self.hops().any(|hop| hop.transport == transport)
    }

    fn cost(&self) -> u64 {
        self.hops().map(|hop| u64::from(hop.cost)).sum()
    }

    fn paths(&self, from: NodeIndex) -> Vec<RawPath> {
        let follow = |start: &RawHop| {
            let mut hops = vec![*start];
            // No hop leaves the destination. The count guards against a ring, which only a defect could make.
            while let Some(next) = hops.last().and_then(|last| self.next.get(&last.to))
                && hops.len() <= self.next.len()
            {
                hops.push(*next);
            }
            RawPath::new(from, hops)
        };
        let mut paths: Vec<RawPath> = self.starts.iter().map(follow).collect();
        paths.sort();
        paths
    }
}
