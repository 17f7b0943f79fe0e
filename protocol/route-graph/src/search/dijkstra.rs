//! The least cost from both ends at once, whatever the number of hops.

use super::{Exhausted, Ground, Leg, Scratch, balls::Keep};
use crate::path::RawPath;

/// The cheapest path, if one costs less than `leg.below`. `leg.hops_most` is left to the caller.
pub(super) fn shortest(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    leg: &Leg<'_>,
) -> Result<Option<RawPath>, Exhausted> {
    let costs = ground.costs.expect("paths by hops are searched breadth first");
    let Scratch { leg: balls, visits, .. } = scratch;
    balls.begin(ground, costs, leg, visits, Keep::Best)?;
    let best = loop {
        let best = balls.crossings().first().copied();
        let limit = best.map_or(leg.below, |best| best.cost.min(leg.below));
        if balls.frontier() >= limit {
            break best.filter(|best| best.cost < leg.below);
        }
        balls.step(ground, costs, leg, visits, Keep::Best)?;
    };
    Ok(best.map(|best| balls.way(ground, leg.from, &best)))
}
