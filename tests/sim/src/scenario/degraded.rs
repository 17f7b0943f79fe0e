//! A route that gets clearly worse than the spare is left, and nothing is lost by that.

use std::time::Duration;

use byway_wire::Reason;

use super::{end, recover};
use crate::{
    breach::Breach,
    checks::Direction,
    summary::Summary,
    world::{NodeIx, Plan, Shape, World},
};

/// Within this time after it got worse, a route is left.
const WITHIN: Duration = Duration::from_secs(20);

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let (good, bad) = (Shape::new(100, 10), Shape::new(100, 300));
    let mut world = World::ring(seed, 4, 0, |_| good);
    let session = world.session(Plan::new(NodeIx(0), NodeIx(2), 0));
    world.offer(session, 5_000_000);
    world.run(Duration::from_secs(8))?;
    let routes = world.sessions[session.0].groups[0].view();
    let not = |what: &str| Breach::NotRecovered { session: session.0, what: what.to_owned() };
    let active = routes.first().filter(|_| routes.len() == 2).ok_or_else(|| not("it has not both routes"))?;
    let link = world.registry[&active.route].links[world.dice.below(2)];
    world.reshape(link, bad);
    let begin = world.now;
    // A session that sends something now and then, as people do.
    while world.now < begin + WITHIN && world.sessions[session.0].left.is_empty() {
        world.offer(session, 20_000);
        world.run(Duration::from_millis(250))?;
    }
    let took = world.now - begin;
    if world.sessions[session.0].left.first() != Some(&Reason::Degraded) {
        return Err(not("it stayed on the route that got worse, or left it for another reason"));
    }
    recover(&mut world, Duration::from_secs(10))?;
    // What was on the route when it was left arrives too, late.
    world.run(Duration::from_secs(1))?;
    let under_way = [Direction::Forward, Direction::Backward]
        .map(|direction| world.deliveries.under_way(active.route, direction));
    if world.sessions[session.0].groups[0].len() < 2 || under_way != [0, 0] {
        return Err(not("the switch lost packets"));
    }
    let again = world.sessions[session.0].ends[0].lost_packets();
    end(&mut world)?;
    let mut summary = world.summary();
    summary.measures.push(("left after", format!("{:.2} s", took.as_secs_f64())));
    summary.measures.push(("packets that QUIC sent again:", again.to_string()));
    Ok(summary)
}
