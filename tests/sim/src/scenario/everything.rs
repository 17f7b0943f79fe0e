//! A small network under every fault at once.

use std::time::Duration;

use super::recover_and_end;
use crate::{
    breach::Breach,
    faults::{Mix, STALL_MAX},
    summary::Summary,
    world::{Bounds, Climate, NodeIx, Plan, Shape, World},
};

const FAULTY: Duration = Duration::from_secs(60);

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let mut world = World::ring(seed, 24, 24, |dice| Shape {
        rate: [1_250_000, 12_500_000, 125_000_000][dice.below(3)],
        delay: dice.between(Duration::from_micros(100), Duration::from_millis(40)),
        jitter: dice.between(Duration::ZERO, Duration::from_millis(5)),
    });
    // News may wait for one stall after another, hop by hop.
    world.bounds = Bounds { notice: Duration::from_secs(2) + 6 * STALL_MAX };
    world.climate =
        Climate { lost: 20, doubled: 20, delay: (Duration::from_millis(2), Duration::from_millis(400)) };
    for _ in 0..30 {
        let (from, to) = (world.dice.below(24), world.dice.below(23));
        let to = if to >= from { to + 1 } else { to };
        let bytes = [world.dice.below(3_000_000), world.dice.below(300_000)].map(|bytes| bytes as u64);
        let packet = 100 + world.dice.below(15_900);
        let (stripes, streams) = (1 + world.dice.below(2), 1 + world.dice.below(4));
        let plan = Plan {
            bytes,
            packet,
            stripes,
            streams,
            datagrams: true,
            ..Plan::new(NodeIx(from), NodeIx(to), 0)
        };
        world.session(plan);
    }
    let mix = Mix {
        cuts: 12,
        silent_cuts: 4,
        stalls: 16,
        crashes: 4,
        setup_crashes: 4,
        dead_readers: 8,
        slow_readers: 8,
        stopped_apps: 12,
    };
    mix.plan(&mut world, FAULTY);
    world.run(FAULTY + Duration::from_secs(30))?;
    recover_and_end(&mut world, Duration::from_secs(120))?;
    Ok(world.summary())
}
