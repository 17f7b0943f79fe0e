//! Windows grow to what the link holds: one route fills it.

use std::time::Duration;

use super::end;
use crate::{
    breach::Breach,
    summary::Summary,
    world::{LinkIx, NodeIx, Plan, SessionIx, Shape, World},
};

/// Of a link's rate, this is left for headers, acknowledgements and what windows lack.
const PROMISED: f64 = 0.9;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(4);

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let shape = Shape::new(100, 50);
    // One, two or three such links in a row.
    let hops = 1 + (seed % 3) as usize;
    let mut world = World::chain(seed, hops + 1, shape);
    let session = world.session(Plan::new(NodeIx(0), NodeIx(hops), 0).over((0..hops).map(LinkIx)));
    let rate = rate(&mut world, session, shape)?;
    if rate < PROMISED {
        let (what, promised) = ("rate of one route, of the link's", format!("at least {PROMISED}"));
        return Err(Breach::Measure { what, measured: rate.into(), promised });
    }
    end(&mut world)?;
    let mut summary = world.summary();
    summary.measures.push(("rate of one route, of the link's:", format!("{rate:.3}")));
    Ok(summary)
}

/// What a session that always has more to send delivers once it is warm, as a part of a link's rate. Everything offered
/// is delivered when this returns.
pub(super) fn rate(world: &mut World, ix: SessionIx, shape: Shape) -> Result<f64, Breach> {
    let seconds = (WARM_UP + MEASURED).as_secs() + 1;
    world.offer(ix, shape.rate * seconds);
    world.run(WARM_UP)?;
    let before = world.sessions[ix.0].received(1);
    world.run(MEASURED)?;
    let received = world.sessions[ix.0].received(1) - before;
    world.run_while(Duration::from_secs(20 * seconds), |world| !world.sessions[ix.0].is_done())?;
    Ok(received as f64 / (shape.rate as f64 * MEASURED.as_secs_f64()))
}
