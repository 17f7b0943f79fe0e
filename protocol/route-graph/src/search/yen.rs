//! The k best paths (Yen 1971, with Lawler's 1972 rule against doing work twice).
//!
//! Each next best path leaves a better one at some node, by another transport than all better paths with the same
//! beginning. Lawler's rule: a path is varied only from where it left its own parent, since the parent was varied before
//! that. Once enough candidates wait, a variation is of interest only if it beats the worst of those needed.

use std::collections::BTreeSet;

use super::{Exhausted, Ground, Leg, Scratch, corridor};
use crate::{NodeIndex, TransportIndex, path::RawPath};

/// A path found, and the hop at which it left its parent.
type Candidate = (RawPath, usize);

/// Appends up to `k` paths in order, from the best on: by one search where that is possible, else by variation. When the search is exhausted, what was found until then stands,
/// unproven as far as its order is open.
pub(super) fn enumerate(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    (best, k): (RawPath, usize),
    ranked: &mut Vec<RawPath>,
) -> Result<(), Exhausted> {
    match corridor::cheapest(ground, scratch, k) {
        Ok(Some(paths)) => {
            ranked.extend(paths);
            return Ok(());
        }
        Ok(None) => {}
        Err(Exhausted) => {
            ranked.push(best);
            return Err(Exhausted);
        }
    }
    let mut candidates: BTreeSet<Candidate> = BTreeSet::from([(best, 0)]);
    while let Some((path, left_at)) = candidates.pop_first() {
        ranked.push(path);
        let needed = k - ranked.len();
        if needed == 0 {
            break;
        }
        if let Err(Exhausted) = vary(ground, scratch, ranked, (left_at, needed), &mut candidates) {
            ranked.extend(candidates.into_iter().map(|(path, _)| RawPath { proven: false, ..path }));
            return Err(Exhausted);
        }
    }
    Ok(())
}

/// Adds the best variations of the latest path, from hop `left_at` on.
fn vary(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    ranked: &[RawPath],
    (left_at, needed): (usize, usize),
    candidates: &mut BTreeSet<Candidate>,
) -> Result<(), Exhausted> {
    let rules = ground.rules;
    let path = ranked.last().expect("vary follows a push");
    let nodes: Vec<NodeIndex> = path.nodes().collect();
    let mut spent: u64 = path.hops[..left_at].iter().map(|hop| u64::from(hop.cost)).sum();
    for at in left_at..path.hops.len() {
        let worst_needed = candidates.iter().nth(needed - 1);
        let transports: Vec<TransportIndex> = ranked
            .iter()
            .filter(|other| other.hops.len() > at && other.hops[..at] == path.hops[..at])
            .map(|other| other.hops[at].transport)
            .collect();
        let crossed = rules.via.iter().filter(|via| nodes[..=at].contains(via)).count();
        let leg = Leg {
            from: nodes[at],
            to: rules.to,
            via: &rules.via[crossed..],
            hops_least: rules.hops_least.saturating_sub(at),
            hops_most: rules.hops_most - at,
            below: worst_needed.map_or(u64::MAX, |(worst, _)| worst.cost.saturating_sub(spent)),
            nodes: &nodes[..at],
            transports: &transports,
        };
        if let Some(rest) = leg.best(ground, scratch)? {
            let hops = path.hops[..at].iter().copied().chain(rest.hops).collect();
            candidates.insert((RawPath { proven: rest.proven, ..RawPath::new(rules.from, hops) }, at));
            while candidates.len() > needed {
                candidates.pop_last();
            }
        }
        spent += u64::from(path.hops[at].cost);
    }
    Ok(())
}
