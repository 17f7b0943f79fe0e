//! A running service with a clock that the test moves, and callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use byway_api::transport_discovery::{
    EntryQuery, GetTransport, Heartbeat, HeartbeatRequest, Metrics, PutTransport, TransportPath,
    TransportReport, TransportView,
};
use byway_base::{Problem, PublicKey, SecretKey, TransportId, TransportType, UnixTime};
use byway_http::client::Client;
use byway_messaging_client::Messaging;
use byway_service_kit::{Health, Secret, Service, Shutdown};
use byway_transport_discovery::{Clock, Config, TransportDiscovery};
use byway_wire::{SignedTransportEntry, TransportEntry};
use tokio::task::JoinHandle;

/// A running service.
pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) health: Health,
    key: PublicKey,
    clock: TestClock,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Problem>>,
    directory: Arc<tempfile::TempDir>,
}

/// Stands still unless the test moves it. It begins at the machine's time, by which requests are signed.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    fn start() -> Self {
        Self(Arc::new(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().into()))
    }

    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }

    fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_secs(), Ordering::SeqCst);
    }
}

impl Running {
    /// With its registry in a new file.
    pub(crate) async fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), TestClock::start(), None).await
    }

    /// With its registry in a database by URL.
    pub(crate) async fn start_on(url: String) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), TestClock::start(), Some(url)).await
    }

    async fn start_in(directory: Arc<tempfile::TempDir>, clock: TestClock, url: Option<String>) -> Self {
        let path = directory.path();
        let shown = clock.clone();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: Some("http://transports.example.org".to_owned()),
            messaging: Messaging::default(),
            store_url: Secret::new(url.unwrap_or_else(|| format!("sqlite:{}", path.join("t.db").display()))),
            data_dir: path.to_owned(),
            key_file: path.join("key"),
            sweep_interval: Duration::from_millis(10),
            clock: Clock::from_fn(move || shown.now()),
        };
        let service = TransportDiscovery::bind(config).await.unwrap();
        let shutdown = Shutdown::new(Duration::from_secs(10));
        let (address, health, key) = (service.address().to_string(), service.health(), service.key());
        let task = tokio::spawn(service.serve(shutdown.clone()));
        Self { address, health, key, clock, shutdown, task, directory }
    }

    /// Stops it and starts it again on what it left behind.
    pub(crate) async fn restart(self, meanwhile: Duration) -> Self {
        self.shutdown.begin();
        self.task.await.unwrap().unwrap();
        self.clock.advance(meanwhile);
        Self::start_in(self.directory, self.clock, None).await
    }

    /// Ends it without a word, as the end of its process would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.clock.now()
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// A caller that signs with the key of `seed`, and believes only this service.
    pub(crate) fn client(&self, seed: u8) -> Client {
        Client::new(&format!("http://{}", self.address), Some(secret(seed)), Some(self.key)).unwrap()
    }

    /// An entry of now that both edges signed.
    pub(crate) fn entry(&self, a: u8, b: u8) -> SignedTransportEntry {
        signed(a, b, self.now())
    }

    pub(crate) async fn put(
        &self,
        caller: u8,
        signed: &SignedTransportEntry,
    ) -> Result<TransportView, Problem> {
        let path = TransportPath { id: signed.entry.id() };
        self.client(caller).call::<PutTransport>(path, (), signed.clone()).await
    }

    pub(crate) async fn get(&self, id: TransportId) -> Result<TransportView, Problem> {
        self.client(200).call::<GetTransport>(TransportPath { id }, (), ()).await
    }

    /// Reports the transports as up; answers which of them are unknown.
    pub(crate) async fn beat(&self, caller: u8, ids: &[TransportId]) -> Vec<TransportId> {
        let report = |id: &TransportId| TransportReport { id: *id, up: true, metrics: Metrics::default() };
        let transports = ids.iter().map(report).collect::<Vec<_>>().try_into().unwrap();
        let request = HeartbeatRequest { transit: true, transports };
        self.client(caller).call::<Heartbeat>((), (), request).await.unwrap().unknown
    }
}

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// Names an entry to whoever is to delete it.
pub(crate) fn of(signed: &SignedTransportEntry) -> EntryQuery {
    EntryQuery { issued: signed.entry.issued }
}

pub(crate) fn signed(a: u8, b: u8, issued: UnixTime) -> SignedTransportEntry {
    let (a, b) = (secret(a), secret(b));
    let entry = TransportEntry::new(a.public(), b.public(), TransportType::new("tcp").unwrap(), issued);
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    entry.with_signatures(&a.public(), by_a, by_b)
}
