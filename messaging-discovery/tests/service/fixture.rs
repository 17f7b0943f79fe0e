//! A running service with a clock that the test moves, and callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use byway_api::messaging_discovery::{GetRecord, PutRecord, RecordPath};
use byway_base::{Problem, PublicKey, SecretKey, UnixTime, limits::RECORD_TTL};
use byway_http::client::Client;
use byway_messaging_client::Messaging;
use byway_messaging_discovery::{Clock, Config, MessagingDiscovery};
use byway_service_kit::{Health, Secret, Service, Shutdown};
use byway_wire::{Record, RecordBody, SignedRecord};
use tokio::task::JoinHandle;

/// A running service.
pub(crate) struct Running {
    pub(crate) health: Health,
    address: String,
    key: PublicKey,
    clock: Arc<AtomicU64>,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Problem>>,
    directory: Arc<tempfile::TempDir>,
}

impl Running {
    /// With its directory in a new file.
    pub(crate) async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), machine_clock(), None).await
    }

    /// With its directory in a database by URL.
    pub(crate) async fn start_on(url: String) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), machine_clock(), Some(url)).await
    }

    async fn start_in(directory: Arc<tempfile::TempDir>, clock: Arc<AtomicU64>, url: Option<String>) -> Self {
        let path = directory.path();
        let shown = clock.clone();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: None,
            messaging: Messaging::default(),
            store_url: Secret::new(url.unwrap_or_else(|| format!("sqlite:{}", path.join("r.db").display()))),
            data_dir: path.to_owned(),
            key_file: path.join("key"),
            sweep_interval: Duration::from_millis(10),
            clock: Clock::from_fn(move || UnixTime(shown.load(Ordering::SeqCst))),
        };
        let service = MessagingDiscovery::bind(config).await.unwrap();
        let shutdown = Shutdown::new(Duration::from_secs(10));
        let (address, health, key) = (service.address().to_string(), service.health(), service.key());
        let task = tokio::spawn(service.serve(shutdown.clone()));
        Self { health, address, key, clock, shutdown, task, directory }
    }

    /// Stops it and starts it again on what it left behind.
    pub(crate) async fn restart(self) -> Self {
        self.shutdown.begin();
        self.task.await.unwrap().unwrap();
        Self::start_in(self.directory, self.clock, None).await
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.clock.fetch_add(span.as_secs(), Ordering::SeqCst);
    }

    /// A caller that signs with the key of `seed`, and believes only this service.
    pub(crate) fn client(&self, seed: u8) -> Client {
        Client::new(&format!("http://{}", self.address), Some(secret(seed)), Some(self.key)).unwrap()
    }

    /// A node's record that is valid as long as records may be.
    pub(crate) fn node(&self, seed: u8, sequence: u64) -> SignedRecord {
        let body = RecordBody::Node { servers: vec![key(100)], candidates: vec![], transit: true };
        self.record(seed, sequence, body)
    }

    pub(crate) fn record(&self, seed: u8, sequence: u64, body: RecordBody) -> SignedRecord {
        let expires = self.now().plus(RECORD_TTL);
        Record { subject: key(seed), sequence, expires, body }.sign(&secret(seed))
    }

    /// Publishes under the record's own name.
    pub(crate) async fn put(&self, caller: u8, record: &SignedRecord) -> Result<(), Problem> {
        let path = RecordPath { key: record.record.subject };
        self.client(caller).call::<PutRecord>(path, (), record.clone()).await
    }

    pub(crate) async fn get(&self, seed: u8) -> Result<SignedRecord, Problem> {
        self.client(200).call::<GetRecord>(RecordPath { key: key(seed) }, (), ()).await
    }
}

fn machine_clock() -> Arc<AtomicU64> {
    Arc::new(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().into())
}

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub(crate) fn key(seed: u8) -> PublicKey {
    secret(seed).public()
}
