//! Route setup where nothing can be relied on.

use std::time::Duration;

use super::recover_and_end;
use crate::{
    breach::Breach,
    faults::Mix,
    summary::Summary,
    world::{Climate, NodeIx, Plan, Shape, World},
};

const FAULTY: Duration = Duration::from_secs(60);

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let mut world = World::ring(seed, 16, 20, |_| Shape::new(100, 5));
    // Messages of one step overtake those of another.
    world.climate =
        Climate { lost: 40, doubled: 100, delay: (Duration::from_millis(1), Duration::from_millis(1_500)) };
    for _ in 0..40 {
        let (from, to) = (world.dice.below(16), world.dice.below(15));
        let to = if to >= from { to + 1 } else { to };
        world.session(Plan::new(NodeIx(from), NodeIx(to), 10_000));
    }
    let mix = Mix { cuts: 20, crashes: 6, setup_crashes: 12, ..Mix::default() };
    mix.plan(&mut world, FAULTY);
    world.run(FAULTY + Duration::from_secs(15))?;
    recover_and_end(&mut world, Duration::from_secs(120))?;
    Ok(world.summary())
}
