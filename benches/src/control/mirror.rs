//! How a route finder gets its mirror and keeps it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use byway_api::{
    route_finder::{FinderStats, GetFinderStats},
    transport_discovery::{PutTransport, TransportPath},
};
use byway_http::client::Client;
use tokio::time::sleep;

use super::{crowd::Crowd, plane::Plane};
use crate::{role::server::Program, service::ServiceProcess};

/// How often a finder is asked how far it is.
const LOOK: Duration = Duration::from_millis(2);
/// Longest wait for a mirror.
const PATIENCE: Duration = Duration::from_secs(300);

/// Starts a finder and waits until its mirror holds a crowd. Tells how long that took.
pub(super) async fn cold_start(plane: &Plane, crowd: &Crowd) -> Result<(ServiceProcess, Duration)> {
    let begun = Instant::now();
    let settings = [("transport_discovery".to_owned(), plane.discovery.url())];
    let finder = ServiceProcess::start(Program::RouteFinder, &settings).await?;
    let whole = crowd.transports.len() as u64;
    until(&finder, "whole mirror", |stats| stats.transports >= whole).await?;
    Ok((finder, begun.elapsed()))
}

/// Registers transports that the mirror does not hold yet, and tells how long after the answer each was in it.
pub(super) async fn changes(plane: &Plane, finder: &ServiceProcess, others: &Crowd) -> Result<Vec<f64>> {
    let mut times_ms = Vec::new();
    for (node, signed) in &others.transports {
        let caller = Client::new(&plane.discovery.url(), Some(others.secret(*node).clone()), None)?;
        let path = TransportPath { id: signed.entry.id() };
        let registered = caller.call::<PutTransport>(path, (), signed.clone()).await?;
        let begun = Instant::now();
        until(finder, "change in the mirror", |stats| stats.mirror.mirror_sequence >= registered.sequence)
            .await?;
        times_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times_ms)
}

async fn until(finder: &ServiceProcess, what: &str, done: impl Fn(&FinderStats) -> bool) -> Result<()> {
    let client = Client::new(&finder.url(), None, None)?;
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < PATIENCE {
        // Without a mirror it says so by a refusal.
        if let Ok(stats) = client.call::<GetFinderStats>((), (), ()).await {
            if done(&stats) {
                return Ok(());
            }
            last = Some(stats);
        }
        sleep(LOOK).await;
    }
    bail!("no {what} within {PATIENCE:?}: {last:?}")
}
