//! What the service does by itself: removes what has expired.

use std::sync::Arc;

use byway_api::messaging_discovery::MessagingDiscovery as Endpoints;
use byway_base::UnixTime;
use byway_clock::Clock;
use byway_http::server::Server;
use byway_messaging_client::Config as MessagingConfig;
use byway_registry::Registry;
use byway_store::{Store, StoreError};

use crate::{RawConfig, api::Api, own::OwnDirectory};

/// The registry of contact records.
#[derive(Debug)]
pub struct Expiry;

impl Registry for Expiry {
    const NAME: &'static str = "messaging-discovery";
    const ABOUT: &'static str = "The directory of nodes' and servers' contact records.";
    const FILE: &'static str = "records.db";
    type Raw = RawConfig;
    type Endpoints = Endpoints;

    fn server(store: Store, clock: Clock) -> Server<Endpoints> {
        Server::new(Arc::new(Api::new(store, clock)))
    }

    fn begin(_: UnixTime) -> Self {
        Self
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^52")]
    async fn sweep(&mut self, store: &Store, now: UnixTime) -> Result<(), StoreError> {
        store.records().sweep(now).await?;
        let stats = store.records().stats(now).await?;
        metrics::gauge!("byway_records", "kind" => "node").set(stats.nodes as f64);
        metrics::gauge!("byway_records", "kind" => "server").set(stats.servers as f64);
        metrics::gauge!("byway_records", "kind" => "tombstone").set(stats.tombstones as f64);
        metrics::gauge!("byway_messaging_clients").set(stats.clients as f64);
        Ok(())
    }

    fn messaging(config: MessagingConfig, store: &Store, clock: &Clock) -> MessagingConfig {
        let directory = OwnDirectory::new(store.clone(), clock.clone());
        // All of them: those who seek the service know no others.
        let servers_wanted = config.servers.len();
        MessagingConfig { directory: Some(Arc::new(directory)), servers_wanted, ..config }
    }
}
