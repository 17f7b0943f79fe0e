//! Heartbeats and registrations into the registry.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{
    Selection,
    crowd::Crowd,
    database::Alone,
    load::{Pace, Request, Tally, send},
    plane::{Cpu, Plane},
};
use crate::target::{Line, Target};

/// Requests signed at a time: some seconds of signing, a hundred megabytes at most.
const SLICE: usize = 20_000;
/// Longest time for the database's own benchmark.
const ALONE: u64 = 5;

/// What came of requests, and what they cost.
struct Outcome {
    tally: Tally,
    cpu: Cpu,
    alone: Option<Alone>,
}

pub(super) async fn heartbeats(selection: &Selection) -> Result<Vec<Line>> {
    let plane = Plane::start(selection).await?;
    let crowd = Crowd::new(selection.nodes, selection.degree)?;
    plane.fill(&crowd, Duration::ZERO).await?;
    // The first reports may have news, if the registry took longer to fill than a lease.
    let first =
        (0..crowd.len()).map(|node| crowd.heartbeat(node, &plane.discovery)).collect::<Result<_>>()?;
    send(first, Pace { connections: selection.connections, rate: None }).await?;
    let mut next = (0..crowd.len()).cycle();
    let request = || crowd.heartbeat(next.next().unwrap_or_default(), &plane.discovery).map(Some);
    let outcome = load(selection, &plane, request).await?;
    Ok(lines("heartbeats", Target { pass: 20_000.0, aim: 40_000.0 }, &outcome))
}

pub(super) async fn registrations(selection: &Selection) -> Result<Vec<Line>> {
    let plane = Plane::start(selection).await?;
    let crowd = Crowd::new(selection.nodes, selection.degree)?;
    let mut left = 0..crowd.transports.len();
    let request = || left.next().map(|index| crowd.registration(index, &plane.discovery)).transpose();
    let outcome = load(selection, &plane, request).await?;
    Ok(lines("registrations", Target { pass: 1_500.0, aim: 3_000.0 }, &outcome))
}

/// Sends requests until the time is over or there are no more. Signing them takes no part of the time.
async fn load(
    selection: &Selection,
    plane: &Plane,
    mut request: impl FnMut() -> Result<Option<Request>>,
) -> Result<Outcome> {
    let pace = Pace { connections: selection.connections, rate: selection.rate };
    let (mut tally, mut cpu) = (Tally::default(), Cpu::NONE);
    let mut at_once = selection.nodes.clamp(1, SLICE);
    while tally.seconds < selection.time().as_secs_f64() {
        let mut slice = Vec::with_capacity(at_once);
        while slice.len() < at_once
            && let Some(request) = request()?
        {
            slice.push(request);
        }
        if slice.is_empty() {
            break;
        }
        let (before, begun) = (plane.cpu()?, Instant::now());
        tally.add(send(slice, pace).await?);
        cpu.add(plane.cpu()?.since(before));
        // A slice takes no longer than all of it should.
        let per_request = begun.elapsed().as_secs_f64() / at_once as f64;
        let left = Duration::from_secs_f64((selection.time().as_secs_f64() - tally.seconds).max(0.0));
        at_once = ((left.as_secs_f64() / per_request) as usize).clamp(selection.connections, SLICE);
    }
    let alone = plane.database.alone(selection.nodes, selection.seconds.min(ALONE))?;
    Ok(Outcome { tally, cpu, alone })
}

fn lines(what: &str, target: Target, outcome: &Outcome) -> Vec<Line> {
    let Outcome { tally, cpu, alone } = outcome;
    let micros = |seconds: f64| seconds * 1e6 / tally.done();
    let served = cpu.discovery + cpu.database;
    let mut all =
        Line::new(format!("{what} per second, generator on the same cores"), "/s", tally.per_second())
            .target(target.pass, target.aim)
            .beside("p50 ms", tally.percentile_ms(0.5))
            .beside("p99 ms", tally.percentile_ms(0.99));
    if let Some(alone) = alone {
        all = all.beside("pgbench, rows/s one a commit", alone.single).beside("256 a commit", alone.batched);
    }
    let alone_on_two = Line::new(
        format!("{what} per second of two cores without the generator"),
        "/s",
        2.0 * tally.done() / served,
    )
    .target(target.pass, target.aim)
    .beside("µs each: transport discovery", micros(cpu.discovery))
    .beside("database", micros(cpu.database))
    .beside("generator, signing apart", micros(cpu.generator));
    [all, alone_on_two].into_iter().chain(tally.errors(what)).collect()
}
