//! Credit neither leaks nor grows: a route that lived through stalls is as fast as before.

use std::time::Duration;

use super::{end, long_link};
use crate::{
    breach::Breach,
    summary::Summary,
    world::{Damage, LinkIx, NodeIx, Plan, Reader, Shape, World},
};

const STALLS: usize = 60;

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let shape = Shape::new(100, 5);
    let mut world = World::chain(seed, 4, shape);
    world.bounds.notice = Duration::from_secs(30);
    let plan = Plan { bytes: [60_000_000, 1_000_000], ..Plan::new(NodeIx(0), NodeIx(3), 0) };
    let worn = world.session(plan.over((0..3).map(LinkIx)));
    world.run(Duration::from_secs(1))?;
    // No other route takes over while this one is silent.
    world.sessions[worn.0].plan.routes = 0;
    for _ in 0..STALLS {
        let at = world.now + world.dice.between(Duration::ZERO, Duration::from_secs(40));
        let (link, side) = (LinkIx(world.dice.below(3)), world.dice.below(2));
        let span = world.dice.between(Duration::from_millis(1), Duration::from_secs(1));
        world.plan_damage(at, Damage::Stall { link, side, span });
        let span = world.dice.between(Duration::from_millis(1), Duration::from_millis(500));
        let (side, reader) = (world.dice.below(2), Reader::Dead);
        world.plan_damage(at + span, Damage::Reader { session: worn, side, reader, span });
    }
    world.run_while(Duration::from_secs(200), |world| !world.sessions[worn.0].is_done())?;
    world.run(Duration::from_secs(45))?;
    // More of the same session: the route is the one that was stalled.
    let rate = long_link::rate(&mut world, worn, shape)?;
    if world.registry.len() > 1 {
        let what = "the stalls ended its route".to_owned();
        return Err(Breach::NotRecovered { session: worn.0, what });
    }
    if rate < 0.9 {
        let (what, promised) = ("rate after stalls, of the link's", "at least 0.9".to_owned());
        return Err(Breach::Measure { what, measured: rate.into(), promised });
    }
    end(&mut world)?;
    let mut summary = world.summary();
    summary.measures.push(("rate after stalls, of the link's:", format!("{rate:.3}")));
    Ok(summary)
}
