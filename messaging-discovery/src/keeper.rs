//! What the service does by itself: removes what has expired, watches the database.

use std::time::Duration;

use byway_service_kit::{Check, Health};
use byway_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Config};

/// Sweeps until it is told to stop.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Store,
    clock: Clock,
    interval: Duration,
    database: Check,
}

impl Keeper {
    pub(crate) fn new(store: &Store, config: &Config, health: &Health) -> Self {
        Self {
            store: store.clone(),
            clock: config.clock.clone(),
            interval: config.sweep_interval,
            database: health.check("database"),
        }
    }

    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.keep().await {
                Ok(()) => self.database.ok(),
                Err(error) => self.database.failing(error.to_string()),
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^52")]
    async fn keep(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.store.records().sweep(now).await?;
        let stats = self.store.records().stats(now).await?;
        metrics::gauge!("byway_records", "kind" => "node").set(stats.nodes as f64);
        metrics::gauge!("byway_records", "kind" => "server").set(stats.servers as f64);
        metrics::gauge!("byway_records", "kind" => "tombstone").set(stats.tombstones as f64);
        metrics::gauge!("byway_messaging_clients").set(stats.clients as f64);
        Ok(())
    }
}
