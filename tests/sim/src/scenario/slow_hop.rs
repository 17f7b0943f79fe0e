//! Little is queued before a slow hop.

use std::time::Duration;

use byway_base::limits::{CREDIT_WINDOW_MIN, QUEUE_DELAY};

use super::end;
use crate::{
    breach::Breach,
    checks::Times,
    summary::Summary,
    world::{LinkIx, NodeIx, Plan, Shape, World},
};

const WARM_UP: Duration = Duration::from_secs(8);
const SAMPLES: usize = 500;

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let fast = Shape::new(100, 5);
    // From 4 to 32 Mbit/s.
    let slow = Shape::new(4 << (seed % 4), 5);
    let mut world = World::chain(seed, 4, fast);
    world.reshape(LinkIx(2), slow);
    let session = world.session(Plan::new(NodeIx(0), NodeIx(3), 0).over((0..3).map(LinkIx)));
    world.offer(session, slow.rate * 20);
    world.run(WARM_UP)?;
    let (mut queued, before) = (Times::default(), world.sessions[session.0].received(1));
    for _ in 0..SAMPLES {
        world.run(Duration::from_millis(10))?;
        let bytes = world.nodes[2].forwarder.queued();
        queued.add(Duration::from_secs_f64(bytes as f64 / slow.rate as f64));
    }
    let received = world.sessions[session.0].received(1) - before;
    let rate = received as f64 / (slow.rate as f64 * 0.01 * SAMPLES as f64);
    // The smallest window may be more than the delay is worth.
    let floor = Duration::from_secs_f64(CREDIT_WINDOW_MIN as f64 / slow.rate as f64);
    let (p99, most) = (queued.quantile(990), QUEUE_DELAY + floor);
    if p99 > most {
        let (what, measured) = ("queue before the slow hop in seconds, p99", p99.as_secs_f64().into());
        return Err(Breach::Measure {
            what,
            measured,
            promised: format!("at most {:.3}", most.as_secs_f64()),
        });
    }
    if rate < 0.9 {
        let (what, promised) = ("rate over the slow hop, of its own", "at least 0.9".to_owned());
        return Err(Breach::Measure { what, measured: rate.into(), promised });
    }
    world.run(Duration::from_secs(20))?;
    end(&mut world)?;
    let mut summary = world.summary();
    summary.measures.push(("queue before the slow hop, p99:", format!("{:.1} ms", p99.as_secs_f64() * 1e3)));
    summary.measures.push(("rate over it, of its own:", format!("{rate:.3}")));
    Ok(summary)
}
