//! Two disjoint routes of equal speed carry one session nearly twice as fast as one.

use super::{end, long_link};
use crate::{
    breach::Breach,
    summary::Summary,
    world::{NodeIx, Plan, Shape, World},
};

const PROMISED: f64 = 1.8;

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let shape = Shape::new(50, 10);
    let mut world = World::ring(seed, 4, 0, |_| shape);
    let plan = Plan { stripes: 2, ..Plan::new(NodeIx(0), NodeIx(2), 0) };
    let session = world.session(plan);
    let rate = long_link::rate(&mut world, session, Shape::new(100, 10))? * 2.0;
    if rate < PROMISED {
        let (what, promised) = ("rate of two routes, to one", format!("at least {PROMISED}"));
        return Err(Breach::Measure { what, measured: rate.into(), promised });
    }
    end(&mut world)?;
    let mut summary = world.summary();
    summary.measures.push(("rate of two routes, to one:", format!("{rate:.3}")));
    Ok(summary)
}
