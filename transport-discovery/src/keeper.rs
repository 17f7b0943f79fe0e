//! What the service does by itself: ends leases, drops what stays down, watches the database.

use std::time::Duration;

use byway_base::{UnixTime, limits::LEASE};
use byway_service_kit::{Check, Health};
use byway_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Config};

/// The gauges are refreshed at every so many sweeps: counting reads every row.
const SWEEPS_PER_COUNT: u32 = 6;

/// Sweeps until it is told to stop.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Store,
    clock: Clock,
    interval: Duration,
    database: Check,
    /// No lease ends before this. While the service or its database was away nobody could renew any.
    patience: UnixTime,
    sweeps: u32,
}

impl Keeper {
    pub(crate) fn new(store: &Store, config: &Config, health: &Health) -> Self {
        Self {
            store: store.clone(),
            clock: config.clock.clone(),
            interval: config.sweep_interval,
            database: health.check("database"),
            patience: config.clock.now().plus(LEASE),
            sweeps: 0,
        }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let now = self.clock.now();
            match self.keep(now).await {
                Ok(()) => self.database.ok(),
                Err(error) => {
                    self.patience = now.plus(LEASE);
                    self.database.failing(error.to_string());
                }
            }
        }
    }

    async fn keep(&mut self, now: UnixTime) -> Result<(), StoreError> {
        self.store.check().await?;
        if now >= self.patience {
            let swept = self.store.transports().sweep(now).await?;
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
            self.count().await?;
        }
        self.sweeps = self.sweeps.wrapping_add(1);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^52")]
    async fn count(&self) -> Result<(), StoreError> {
        let stats = self.store.transports().stats().await?;
        metrics::gauge!("byway_transports", "state" => "up").set(stats.transports.up as f64);
        metrics::gauge!("byway_transports", "state" => "down").set(stats.transports.down as f64);
        metrics::gauge!("byway_transport_nodes").set(stats.nodes as f64);
        Ok(())
    }
}
