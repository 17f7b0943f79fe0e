//! Faults drawn by seed.

use std::time::Duration;

use crate::world::{Damage, LinkIx, NodeIx, Reader, SessionIx, SetupIx, World};

/// How many faults of each kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mix {
    pub(crate) cuts: usize,
    pub(crate) silent_cuts: usize,
    pub(crate) stalls: usize,
    pub(crate) crashes: usize,
    pub(crate) setup_crashes: usize,
    pub(crate) dead_readers: usize,
    pub(crate) slow_readers: usize,
    pub(crate) stopped_apps: usize,
}

/// Draws one fault of its kind.
type Draw = fn(&mut World) -> Damage;

/// Times that faults last.
const LOSS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// Longest stall; below the silence that ends a transport.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(6);

impl Mix {
    /// Plans the faults at random moments within `span` from now; all are healed a little after its end.
    pub(crate) fn plan(&self, world: &mut World, span: Duration) {
        let kinds: [(usize, Draw); 8] = [
            (self.cuts, |world| cut(world, false)),
            (self.silent_cuts, |world| cut(world, true)),
            (self.stalls, stall),
            (self.crashes, crash),
            (self.setup_crashes, crash_setup),
            (self.dead_readers, |world| reader(world, Reader::Dead)),
            (self.slow_readers, |world| {
                let pause = world.dice.between(Duration::from_millis(1), Duration::from_millis(200));
                reader(world, Reader::Slow(pause))
            }),
            (self.stopped_apps, app),
        ];
        for (count, draw) in kinds {
            for _ in 0..count {
                let at = world.now + world.dice.between(Duration::ZERO, span);
                let damage = draw(world);
                world.plan_damage(at, damage);
            }
        }
    }
}

fn cut(world: &mut World, silent: bool) -> Damage {
    let link = LinkIx(world.dice.below(world.links.len()));
    Damage::Cut { link, silent, heals_after: world.dice.between(LOSS.0, LOSS.1) }
}

fn stall(world: &mut World) -> Damage {
    let (link, side) = (LinkIx(world.dice.below(world.links.len())), world.dice.below(2));
    Damage::Stall { link, side, span: world.dice.between(Duration::from_millis(10), STALL_MAX) }
}

fn crash(world: &mut World) -> Damage {
    let (node, silent) = (NodeIx(world.dice.below(world.nodes.len())), world.dice.chance(500));
    Damage::Crash { node, silent, heals_after: world.dice.between(LOSS.0, LOSS.1) }
}

fn crash_setup(world: &mut World) -> Damage {
    let setup = SetupIx(world.dice.below(world.setups.len()));
    Damage::CrashSetup { setup, heals_after: world.dice.between(LOSS.0, LOSS.1 / 2) }
}

fn reader(world: &mut World, reader: Reader) -> Damage {
    let (session, side) = (SessionIx(world.dice.below(world.sessions.len())), world.dice.below(2));
    Damage::Reader { session, side, reader, span: world.dice.between(LOSS.0, LOSS.1) }
}

fn app(world: &mut World) -> Damage {
    let (session, side) = (SessionIx(world.dice.below(world.sessions.len())), world.dice.below(2));
    let stream = world.dice.below(world.sessions[session.0].plan.streams);
    Damage::App { session, side, stream, span: world.dice.between(LOSS.0, LOSS.1) }
}
