//! A thousand dead readers: the budget holds at every moment, and who reads is served.

use std::time::Duration;

use byway_routing::ForwarderConfig;

use super::{end, recover};
use crate::{
    breach::Breach,
    summary::Summary,
    world::{NodeIx, Plan, Reader, SessionIx, Shape, World},
};

/// A budget that half of the dead readers use up.
const MEMORY: usize = 8 * 1024 * 1024;
const DEAD: usize = 1_000;
const EACH: u64 = 30_000;
const SOURCES: usize = 40;
/// A session whose route was ended for memory waits so long before it asks for another.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let config = ForwarderConfig { memory: MEMORY, ..ForwarderConfig::default() };
    let mut world = World::with_config(seed, SOURCES + 2, config);
    let (hub, sink) = (NodeIx(SOURCES), NodeIx(SOURCES + 1));
    let last = world.link(hub, sink, Shape::new(1_000, 2));
    let firsts: Vec<_> =
        (0..SOURCES).map(|node| world.link(NodeIx(node), hub, Shape::new(1_000, 2))).collect();
    let route = |source: usize| Plan::new(NodeIx(source), sink, 0).over([firsts[source], last]);
    let reads = world.session(Plan { packet: 1_000, ..route(0) });
    world.run(Duration::from_secs(1))?;
    for dead in 0..DEAD {
        let readers = [Reader::Prompt, Reader::Dead];
        world.session(Plan { bytes: [EACH, 0], readers, patience: PATIENCE, ..route(dead % SOURCES) });
    }
    for _ in 0..60 {
        world.offer(reads, 5_000);
        world.run(Duration::from_millis(50))?;
    }
    world.run(Duration::from_millis(500))?;
    let overloads = world.nodes.iter().map(|node| node.forwarder.counters().overloads).sum::<u64>();
    let (held, state) = (world.nodes[sink.0].forwarder.queued(), &world.sessions[reads.0]);
    if !state.is_done() || !state.left.is_empty() || overloads == 0 {
        let what =
            format!("the reader beside dead ones: {}; {overloads} overloads", state.ends[0].progress());
        return Err(Breach::NotRecovered { session: reads.0, what });
    }
    (0..world.sessions.len()).for_each(|ix| world.set_reader(SessionIx(ix), 1, Reader::Prompt));
    recover(&mut world, Duration::from_secs(60))?;
    end(&mut world)?;
    let mut summary = world.summary();
    summary.measures.push(("held of the budget:", format!("{:.2}", held as f64 / MEMORY as f64)));
    summary.measures.push(("routes ended for memory:", overloads.to_string()));
    Ok(summary)
}
