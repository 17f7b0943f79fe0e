//! Thousands of nodes and routes in one world.

use std::time::Duration;

use super::{end, recover};
use crate::{
    breach::Breach,
    faults::Mix,
    summary::Summary,
    world::{NodeIx, Plan, Shape, World},
};

const NODES: usize = 2_000;
const SESSIONS: usize = 2_000;
const FAULTY: Duration = Duration::from_secs(5);

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let mut world = World::ring(seed, NODES, NODES, |dice| Shape {
        rate: 12_500_000,
        delay: dice.between(Duration::from_millis(1), Duration::from_millis(20)),
        jitter: Duration::from_millis(1),
    });
    for _ in 0..SESSIONS {
        let from = NodeIx(world.dice.below(NODES));
        let to = world.stroll(from, 4);
        let bytes = world.dice.below(60_000) as u64;
        world.session(Plan::new(from, to, bytes));
    }
    world.run(Duration::from_secs(2))?;
    let mix = Mix { cuts: 60, crashes: 10, dead_readers: 20, ..Mix::default() };
    mix.plan(&mut world, FAULTY);
    world.run(FAULTY)?;
    recover(&mut world, Duration::from_secs(120))?;
    end(&mut world)?;
    Ok(world.summary())
}
