//! Everything at once, for as long as asked: nodes report, register and ask for paths, and nothing may grow.

use std::time::Duration;

use anyhow::Result;
use byway_base::limits::HEARTBEAT_INTERVAL;
use tokio::time::Instant;

use super::{
    Selection,
    crowd::Crowd,
    load::{Pace, Request, Tally, send},
    mirror,
    plane::Plane,
};
use crate::{progress, service::ServiceProcess, target::Line};

/// How often it is told how things are.
const WINDOW: Duration = Duration::from_secs(10);
/// Of so many requests in a row [`REPORTS`] are reports, one registers a transport anew, the others are queries.
const ROUND: usize = 20;
const REPORTS: usize = 16;

pub(super) async fn measure(selection: &Selection) -> Result<Vec<Line>> {
    let plane = Plane::start(selection).await?;
    let mut crowd = Crowd::new(selection.nodes, selection.degree)?;
    plane.fill(&crowd, Duration::ZERO).await?;
    let (finder, _) = mirror::cold_start(&plane, &crowd).await?;
    let (begun, mut turn, mut all) = (Instant::now(), 0, Tally::default());
    let memory = |process: &ServiceProcess| Ok::<_, anyhow::Error>(process.resident_bytes()? as f64 / 1e6);
    // After the first window all caches are as large as they get.
    let mut first = None;
    // Unless told otherwise, each node reports as often as real ones do.
    let reports = selection.nodes as f64 / HEARTBEAT_INTERVAL.as_secs_f64();
    let rate = selection.rate.unwrap_or(reports * ROUND as f64 / REPORTS as f64);
    let pace = Pace { connections: selection.connections, rate: Some(rate) };
    while begun.elapsed() < selection.time() {
        let window = WINDOW.min(selection.time().saturating_sub(begun.elapsed()));
        let count = (rate * window.as_secs_f64()).ceil() as usize;
        let mut requests = Vec::with_capacity(count);
        for _ in 0..count {
            requests.push(next(&mut crowd, &plane.discovery, &finder, turn)?);
            turn += 1;
        }
        let tally = send(requests, pace).await?;
        let now = (memory(&plane.discovery)?, memory(&finder)?);
        progress(&format!(
            "{:>6.0} s: {:.0} requests/s, p50 {:.1} ms, p99 {:.1} ms, transport discovery {:.0} MB, finder {:.0} MB, {:?}",
            begun.elapsed().as_secs_f64(),
            tally.per_second(),
            tally.percentile_ms(0.5),
            tally.percentile_ms(0.99),
            now.0,
            now.1,
            tally.errors,
        ));
        first.get_or_insert(now);
        all.add(tally.without_times());
    }
    let (discovery, of_finder) = first.unwrap_or_default();
    let lines = [
        Line::new("soak: requests per second", "/s", all.per_second()),
        Line::new("soak: memory of transport discovery at the end", "MB", memory(&plane.discovery)?)
            .beside("after the first window", discovery),
        Line::new("soak: memory of the finder at the end", "MB", memory(&finder)?)
            .beside("after the first window", of_finder),
    ];
    Ok(lines.into_iter().chain(all.errors("soak")).collect())
}

fn next(
    crowd: &mut Crowd,
    discovery: &ServiceProcess,
    finder: &ServiceProcess,
    turn: usize,
) -> Result<Request> {
    let (round, place) = (turn / ROUND, turn % ROUND);
    if place < REPORTS {
        return crowd.heartbeat((round * REPORTS + place) % crowd.len(), discovery);
    }
    match place {
        REPORTS => crowd.registration(round % crowd.transports.len(), discovery),
        _ => crowd.query(finder),
    }
}
