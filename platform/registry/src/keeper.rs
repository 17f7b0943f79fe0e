//! What a registry does by itself: sweeps, and watches the database.

use std::{sync::Arc, time::Duration};

use byway_clock::Clock;
use byway_service_kit::{Check, Health};
use byway_store::Store;
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{Config, Registry};

/// Sweeps until it is told to stop.
pub(crate) struct Keeper<R> {
    registry: R,
    store: Store,
    clock: Clock,
    interval: Duration,
    database: Check,
    /// The database was opened: look at once.
    opened: Arc<Notify>,
}

impl<R: Registry> Keeper<R> {
    pub(crate) fn new(store: &Store, config: &Config, health: &Health, opened: Arc<Notify>) -> Self {
        Self {
            registry: R::begin(config.clock.now()),
            store: store.clone(),
            clock: config.clock.clone(),
            interval: config.sweep_interval,
            database: health.check("database"),
            opened,
        }
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.opened.notified() => {}
                _ = ticks.tick() => {}
            }
            let now = self.clock.now();
            match self.registry.sweep(&self.store, now).await {
                Ok(()) => self.database.ok(),
                Err(error) => {
                    self.registry.missed(now);
                    self.database.failing(error.to_string());
                }
            }
        }
    }
}
