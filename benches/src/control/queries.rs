//! Signed path queries over HTTP, and the mirror behind them.

use std::time::Duration;

use anyhow::Result;

use super::{
    Selection,
    crowd::Crowd,
    load::{Pace, Request, send},
    mirror,
    plane::Plane,
};
use crate::{stats::percentile, target::Line};

/// Queries signed for one second of load.
const PER_SECOND: usize = 3_000;
/// Queries one after another.
const UNHURRIED: usize = 500;
/// How far ahead of the clock the registry is filled, so that no lease ends during the measurement.
const AHEAD: Duration = Duration::from_secs(3600);
/// Transports that are registered to see them arrive.
const CHANGES: usize = 20;

pub(super) async fn measure(selection: &Selection) -> Result<Vec<Line>> {
    let plane = Plane::start(selection).await?;
    let mut crowd = Crowd::new(selection.nodes, selection.degree)?;
    plane.fill(&crowd, AHEAD).await?;
    let (finder, cold) = mirror::cold_start(&plane, &crowd).await?;
    let resident = finder.resident_bytes()?;
    // Other keys than the crowd's, so that these transports are new.
    let others = Crowd::others(CHANGES, 1)?;
    let visible = mirror::changes(&plane, &finder, &others).await?;

    let mut queries =
        |count: usize| (0..count).map(|_| crowd.query(&finder)).collect::<Result<Vec<Request>>>();
    let one = Pace { connections: 1, rate: None };
    let unhurried = send(queries(UNHURRIED)?, one).await?;
    let requests = queries(PER_SECOND * usize::try_from(selection.seconds)?)?;
    let before = finder.cpu()?;
    let pace = Pace { connections: selection.connections, rate: selection.rate };
    let loaded = send(requests, pace).await?;
    let used = finder.cpu()? - before;

    let lines = [
        Line::new("signed path query over HTTP, one at a time, p50", "ms", unhurried.percentile_ms(0.5))
            .target(0.5, 0.3)
            .beside("p99 ms", unhurried.percentile_ms(0.99)),
        Line::new("queries per second of a finder's processor time", "/s", loaded.done() / used)
            .target(4_000.0, 7_000.0)
            .beside("per second, generator on the same cores", loaded.per_second())
            .beside("p50 ms", loaded.percentile_ms(0.5))
            .beside("p99 ms", loaded.percentile_ms(0.99)),
        Line::new("a registered transport in the mirror, p50", "s", percentile(&visible, 0.5) / 1e3)
            .target(1.0, 0.3)
            .beside("p99 s", percentile(&visible, 0.99) / 1e3),
        Line::new("cold start of a finder, its process included", "s", cold.as_secs_f64()).target(60.0, 20.0),
        Line::new("resident memory of a finder after it", "MB", resident as f64 / 1e6),
    ];
    let errors = [unhurried.errors("queries one at a time"), loaded.errors("queries")];
    Ok(lines.into_iter().chain(errors.into_iter().flatten()).collect())
}
