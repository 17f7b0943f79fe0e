//! A reader that stopped and a hop that stalls cost the other routes nothing.

use std::time::Duration;

use super::end;
use crate::{
    breach::Breach,
    checks::Times,
    dice::Dice,
    summary::Summary,
    world::{Damage, NodeIx, Plan, Reader, SessionIx, Shape, World},
};

const WARM_UP: Duration = Duration::from_secs(4);
const MEASURED: Duration = Duration::from_secs(6);
/// The stall lasts from before the measurement until after it, and not as long as ends a transport.
const STALL_BEGINS: Duration = Duration::from_secs(1);
const STALL: Duration = Duration::from_secs(12);
/// Largest ratio of a delivery time, or of a rate, with to without.
const RATIO: f64 = 1.05;

/// What the other routes see.
struct Seen {
    /// Delivery times of routes that send little.
    light: Times,
    /// Bytes that the routes delivered that send all they can.
    bulk: u64,
    summary: Summary,
}

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let (without, with) = (observe(seed, false)?, observe(seed, true)?);
    let [before, after] = [&without, &with].map(|seen| seen.light.quantile(990).as_secs_f64());
    let slower = after / before;
    let less = without.bulk as f64 / with.bulk as f64;
    for (what, measured) in
        [("p99 with a dead reader and a stalled hop, to without", slower), ("rate without, to with", less)]
    {
        if measured > RATIO {
            return Err(Breach::Measure {
                what,
                measured: measured.into(),
                promised: format!("at most {RATIO}"),
            });
        }
    }
    let mut summary = with.summary;
    summary.hash.push_str(&without.summary.hash);
    let p99 = format!("{:.3} ms without, {:.3} ms with", before * 1e3, after * 1e3);
    summary.measures.push(("p99 of the other routes:", p99));
    summary.measures.push(("packets measured:", with.light.len().to_string()));
    summary.measures.push(("rate of the other routes, without to with:", format!("{less:.3}")));
    Ok(summary)
}

/// Six routes over one hop; if `hurt`, also one whose reader stops, and one that goes on over a hop that stalls.
fn observe(seed: u64, hurt: bool) -> Result<Seen, Breach> {
    let mut world = World::new(seed, 4);
    let nodes = [0, 1, 2, 3].map(NodeIx);
    let shared =
        [world.link(nodes[0], nodes[1], jittery(200, 2)), world.link(nodes[1], nodes[2], jittery(100, 5))];
    let stalling = world.link(nodes[1], nodes[3], jittery(100, 5));
    let route = || Plan::new(nodes[0], nodes[2], 0).over(shared);
    let light: Vec<_> = (0..3).map(|_| world.session(Plan { packet: 1_000, ..route() })).collect();
    let bulk: Vec<_> = (0..3).map(|_| world.session(route())).collect();
    let everything = world.links[shared[1].0].shape.rate * (WARM_UP + MEASURED).as_secs();
    bulk.iter().for_each(|ix| world.offer(*ix, everything));
    if hurt {
        let dead = world.session(route());
        let stalled = world.session(Plan::new(nodes[0], nodes[3], 0).over([shared[0], stalling]));
        [dead, stalled].iter().for_each(|ix| world.offer(*ix, 8_000_000));
        // Both once their sessions stand.
        let (at, span) = (world.now + STALL_BEGINS, STALL);
        world.plan_damage(at, Damage::Reader { session: dead, side: 1, reader: Reader::Dead, span });
        world.plan_damage(at, Damage::Stall { link: stalling, side: 0, span });
    }
    drip(&mut world, &light, WARM_UP)?;
    world.sessions.iter_mut().for_each(|session| session.times = Times::default());
    let received = |world: &World| bulk.iter().map(|ix| world.sessions[ix.0].received(1)).sum::<u64>();
    let before = received(&world);
    drip(&mut world, &light, MEASURED)?;
    let bulk = received(&world) - before;
    let mut times = Times::default();
    light.iter().for_each(|ix| times.extend(&world.sessions[ix.0].times));
    (0..world.sessions.len()).for_each(|ix| world.set_reader(SessionIx(ix), 1, Reader::Prompt));
    world.run(STALL)?;
    end(&mut world)?;
    Ok(Seen { light: times, bulk, summary: world.summary() })
}

/// Jitter keeps the routes from falling into a common rhythm, which would make the comparison one of rhythms.
fn jittery(megabits: u64, delay_ms: u64) -> Shape {
    Shape { jitter: Duration::from_millis(2), ..Shape::new(megabits, delay_ms) }
}

/// A little on each route, at moments that follow no rhythm.
fn drip(world: &mut World, light: &[SessionIx], span: Duration) -> Result<(), Breach> {
    let mut dice = Dice::new(span.as_secs());
    let until = world.now + span;
    while world.now < until {
        world.offer(light[dice.below(light.len())], 700);
        world.run(dice.between(Duration::from_micros(100), Duration::from_millis(4)))?;
    }
    Ok(())
}
