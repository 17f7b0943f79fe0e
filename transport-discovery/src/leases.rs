//! What the service does by itself: ends leases, drops what stays down.

use std::sync::Arc;

use byway_api::transport_discovery::TransportDiscovery as Endpoints;
use byway_base::{UnixTime, limits::LEASE};
use byway_clock::Clock;
use byway_http::server::Server;
use byway_registry::Registry;
use byway_store::{Store, StoreError};

use crate::{RawConfig, api::Api};

/// The gauges are refreshed at every so many sweeps: counting reads every row.
const SWEEPS_PER_COUNT: u32 = 6;

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
        Self { patience: now.plus(LEASE), sweeps: 0 }
    }

    async fn sweep(&mut self, store: &Store, now: UnixTime) -> Result<(), StoreError> {
        store.check().await?;
        if now >= self.patience {
            let swept = store.transports().sweep(now).await?;
            if swept.lapsed + swept.expired > 0 {
                tracing::info!(
                    nodes = swept.lapsed,
                    down = swept.down,
                    expired = swept.expired,
                    "leases passed"
                );
            }
            metrics::counter!("byway_leases_passed_total").increment(swept.lapsed);
            metrics::counter!("byway_transports_expired_total").increment(swept.expired);
        }
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
async fn count(store: &Store) -> Result<(), StoreError> {
    let stats = store.transports().stats().await?;
    metrics::gauge!("byway_transports", "state" => "up").set(stats.transports.up as f64);
    metrics::gauge!("byway_transports", "state" => "down").set(stats.transports.down as f64);
    metrics::gauge!("byway_transport_nodes").set(stats.nodes as f64);
    Ok(())
}
