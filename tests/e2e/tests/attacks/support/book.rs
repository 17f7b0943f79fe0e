//! A transport discovery that says what the test wants.

use std::sync::Arc;

use byway_api::{
    Event, Page,
    transport_discovery::{
        Change, ChangeKind, DeleteTransport, EdgeClaim, GetSnapshot, GetTransport, GetTransportStats,
        Heartbeat, HeartbeatReply, ListTransports, Metrics, PutTransport, SnapshotPart, TransportDiscovery,
        TransportState, TransportStats, TransportView, WatchTransports,
    },
};
use byway_base::{Code, Problem, SecretKey, UnixTime};
use byway_http::server::{Call, EventStream, Feed, Handle, LineStream, Server, Watch};
use byway_wire::{SignedTransportEntry, TransportEntry};
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::services::tcp;

/// What it says: a snapshot, then changes.
pub(crate) struct Book {
    pub(crate) snapshot: Vec<TransportView>,
    pub(crate) changes: Vec<TransportView>,
}

/// It says that at an address. It ends with its last use.
pub(crate) struct LyingDiscovery {
    pub(crate) url: String,
    /// Number of the last change.
    pub(crate) last: u64,
    _stop: DropGuard,
}

impl LyingDiscovery {
    pub(crate) async fn start(book: Book) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let last = (book.snapshot.len() + book.changes.len()) as u64;
        let stop = CancellationToken::new();
        let server = Server::<TransportDiscovery>::new(Arc::new(book));
        tokio::spawn(server.serve(listener, stop.clone()));
        Self { url, last, _stop: stop.drop_guard() }
    }
}

impl Feed<GetSnapshot> for Book {
    async fn feed(&self, _: Call<GetSnapshot>) -> Result<LineStream<SnapshotPart>, Problem> {
        let sequence = self.snapshot.len() as u64;
        let parts =
            [SnapshotPart::Begin { sequence }, SnapshotPart::Transports(self.snapshot.clone())].map(Ok);
        Ok(stream::iter(parts).boxed())
    }
}

impl Watch<WatchTransports> for Book {
    async fn watch(&self, call: Call<WatchTransports>) -> Result<EventStream<Change>, Problem> {
        let since = call.query.since.unwrap_or_default();
        let first = self.snapshot.len() as u64 + 1;
        let changes: Vec<_> = (first..)
            .zip(&self.changes)
            .filter(|(sequence, _)| *sequence > since)
            .map(|(sequence, transport)| {
                let event = ChangeKind::Registered { transport: transport.clone() };
                Event::Item { sequence, item: Change { sequence, event } }
            })
            .collect();
        Ok(stream::iter(changes).chain(stream::pending()).boxed())
    }
}

/// Endpoints that nobody asks in these tests.
macro_rules! unasked {
    ($($endpoint:ident -> $reply:ty),+) => { $(
        impl Handle<$endpoint> for Book {
            async fn handle(&self, _: Call<$endpoint>) -> Result<$reply, Problem> {
                Err(Problem::new(Code::Denied, "cannot answer", "nobody was to ask this"))
            }
        }
    )+ };
}

unasked! {
    PutTransport -> TransportView, DeleteTransport -> (), GetTransport -> TransportView,
    ListTransports -> Page<TransportView>, Heartbeat -> HeartbeatReply, GetTransportStats -> TransportStats
}

/// An entry that both edges signed.
pub(crate) fn entry(a: &SecretKey, b: &SecretKey, issued: UnixTime) -> SignedTransportEntry {
    let entry = TransportEntry::new(a.public(), b.public(), tcp(), issued);
    let (by_a, by_b) = (entry.sign(a), entry.sign(b));
    entry.with_signatures(&a.public(), by_a, by_b)
}

/// The view of a transport that is up, whatever its entry is worth.
pub(crate) fn view(signed: SignedTransportEntry) -> TransportView {
    let claim = EdgeClaim { up: true, renewed_at: signed.entry.issued, metrics: Metrics::default() };
    TransportView {
        id: signed.entry.id(),
        signed,
        state: TransportState::Up,
        claims: [claim; 2],
        metrics: Metrics::default(),
        sequence: 1,
    }
}
