//! What the service does by itself: ends leases, drops what stays down.

use std::sync::Arc;

use byway_api::transport_discovery::{StateCount, TransportDiscovery as Endpoints};
use byway_base::{UnixTime, limits::LEASE};
use byway_clock::Clock;
use byway_http::server::Server;
use byway_registry::Registry;
use byway_store::{Store, StoreError};

use crate::{RawConfig, api::Api};

/// The gauges are refreshed at every so many sweeps: counting reads every row.
const SWEEPS_PER_COUNT: u32 = 6;

/// Types that are counted apart. Edges may agree on any name; what they invent must not become series of metrics.
const TYPES: [&str; 3] = ["tcp", "quic", "messaging"];

/// The registry of transports.
#[derive(Debug)]
pub struct Leases {
    /// No lease ends before this. While the service or its database was away nobody could renew any.
    patience: UnixTime,
    sweeps: u32,
}

impl Registry for Leases {
    const NAME: &'static str = "transport-discovery";
    const ABOUT: &'static str = "Holds all transports and their state.";
    const FILE: &'static str = "transports.db";
    type Raw = RawConfig;
    type Endpoints = Endpoints;

    fn server(store: Store, clock: Clock) -> Server<Endpoints> {
        Server::new(Arc::new(Api::new(store, clock)))
    }

    fn begin(now: UnixTime) -> Self {
        metrics::counter!("byway_transports_removed_total").increment(0);
        Self { patience: now.plus(LEASE), sweeps: 0 }
    }

    async fn sweep(&mut self, store: &Store, now: UnixTime) -> Result<(), StoreError> {
        store.check().await?;
        let patient = now < self.patience;
        let swept = if patient { Default::default() } else { store.transports().sweep(now).await? };
        if swept.lapsed + swept.expired > 0 {
            tracing::info!(nodes = swept.lapsed, down = swept.down, expired = swept.expired, "leases passed");
        }
        // By nothing too: a counter that begins with its first increment hides that increment from rates.
        metrics::counter!("byway_leases_passed_total").increment(swept.lapsed);
        metrics::counter!("byway_transports_expired_total").increment(swept.expired);
        if self.sweeps.is_multiple_of(SWEEPS_PER_COUNT) {
            count(store).await?;
        }
        self.sweeps = self.sweeps.wrapping_add(1);
        Ok(())
    }

    fn missed(&mut self, now: UnixTime) {
        self.patience = now.plus(LEASE);
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^52")]
fn gauge(kind: &'static str, count: StateCount) {
    metrics::gauge!("byway_transports", "type" => kind, "state" => "up").set(count.up as f64);
    metrics::gauge!("byway_transports", "type" => kind, "state" => "down").set(count.down as f64);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^52")]
async fn count(store: &Store) -> Result<(), StoreError> {
    let stats = store.transports().stats().await?;
    let mut others = stats.transports;
    for kind in TYPES {
        let count = stats.by_type.get(kind).copied().unwrap_or_default();
        gauge(kind, count);
        others = StateCount { up: others.up - count.up, down: others.down - count.down };
    }
    gauge("other", others);
    metrics::gauge!("byway_transport_nodes").set(stats.nodes as f64);
    Ok(())
}
