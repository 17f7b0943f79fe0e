//! A transport discovery that says what the test wants.

use std::{collections::BTreeMap, net::TcpListener as StdListener, sync::Arc};

use byway_api::{
    Event, Page,
    transport_discovery::{
        Change, ChangeKind, DeleteTransport, EdgeClaim, GetSnapshot, GetTransport, GetTransportStats,
        Heartbeat, HeartbeatReply, ListTransports, Metrics, NodeView, PutTransport, SnapshotPart,
        TransportDiscovery, TransportState, TransportStats, TransportView, WatchTransports,
    },
};
use byway_base::{Code, Problem, PublicKey, SecretKey, TransportId, TransportType, UnixTime};
use byway_http::server::{Call, EventStream, Feed, Handle, LineStream, Server, Watch};
use byway_wire::TransportEntry;
use futures_util::{StreamExt, stream};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// What it says. Clones say the same.
#[derive(Clone)]
pub(crate) struct Registry(Arc<watch::Sender<Book>>);

#[derive(Default)]
struct Book {
    sequence: u64,
    transports: BTreeMap<TransportId, TransportView>,
    nodes: Vec<NodeView>,
    log: Vec<Change>,
    /// Readers from before this are reset.
    oldest: u64,
    snapshots: usize,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Book::default())))
    }

    /// How many snapshots were taken.
    pub(crate) fn snapshots(&self) -> usize {
        self.0.borrow().snapshots
    }

    /// How many change streams are open.
    pub(crate) fn readers(&self) -> usize {
        self.0.receiver_count()
    }

    /// Registers what the test made of a transport; answers the change's number.
    pub(crate) fn register(&self, transport: TransportView) -> u64 {
        self.change(|book| {
            book.transports.insert(transport.id, transport.clone());
            ChangeKind::Registered { transport }
        })
    }

    pub(crate) fn set_state(&self, id: TransportId, state: TransportState) -> u64 {
        self.change(|book| {
            let transport = book.transports.get_mut(&id).unwrap();
            transport.state = state;
            ChangeKind::State { transport: transport.clone() }
        })
    }

    pub(crate) fn remove(&self, id: TransportId) -> u64 {
        self.change(|book| {
            book.transports.remove(&id);
            ChangeKind::Removed { id }
        })
    }

    pub(crate) fn refuse_transit(&self, key: PublicKey) -> u64 {
        self.change(|book| {
            let node = NodeView { key, transit: false };
            book.nodes.push(node);
            ChangeKind::Node { node }
        })
    }

    /// From here on its log holds nothing that readers could resume from; what `unread` changes, none has read.
    pub(crate) fn lose_log(&self, unread: impl FnOnce(&mut BTreeMap<TransportId, TransportView>)) -> u64 {
        self.0.send_modify(|book| {
            unread(&mut book.transports);
            book.sequence += 10;
            book.oldest = book.sequence;
            book.log.clear();
        });
        self.0.borrow().sequence
    }

    fn change(&self, change: impl FnOnce(&mut Book) -> ChangeKind) -> u64 {
        self.0.send_modify(|book| {
            let event = change(book);
            book.sequence += 1;
            book.log.push(Change { sequence: book.sequence, event });
        });
        self.0.borrow().sequence
    }
}

impl Feed<GetSnapshot> for Registry {
    async fn feed(&self, _: Call<GetSnapshot>) -> Result<LineStream<SnapshotPart>, Problem> {
        self.0.send_modify(|book| book.snapshots += 1);
        let book = self.0.borrow();
        // One at a time, so that a reader must put several together.
        let transports = book.transports.values().map(|view| SnapshotPart::Transports(vec![view.clone()]));
        let begin = SnapshotPart::Begin { sequence: book.sequence };
        let parts: Vec<_> =
            [begin, SnapshotPart::Nodes(book.nodes.clone())].into_iter().chain(transports).map(Ok).collect();
        Ok(stream::iter(parts).boxed())
    }
}

impl Watch<WatchTransports> for Registry {
    async fn watch(&self, call: Call<WatchTransports>) -> Result<EventStream<Change>, Problem> {
        assert_eq!(call.last_event_id, call.query.since, "both say where to resume");
        let place = (self.0.subscribe(), call.query.since.unwrap());
        Ok(stream::unfold(place, next).boxed())
    }
}

async fn next(
    (mut book, since): (watch::Receiver<Book>, u64),
) -> Option<(Event<Change>, (watch::Receiver<Book>, u64))> {
    loop {
        let found = {
            let book = book.borrow_and_update();
            if since < book.oldest || since > book.sequence {
                Some(Event::Reset { sequence: book.sequence })
            } else {
                let change = book.log.iter().find(|change| change.sequence > since).cloned();
                change.map(|item| Event::Item { sequence: item.sequence, item })
            }
        };
        if let Some(event) = found {
            let sequence = event.sequence();
            return Some((event, (book, sequence)));
        }
        book.changed().await.ok()?;
    }
}

/// Endpoints that a route finder has no business with.
macro_rules! not_for_finders {
    ($($endpoint:ident -> $reply:ty),+) => { $(
        impl Handle<$endpoint> for Registry {
            async fn handle(&self, _: Call<$endpoint>) -> Result<$reply, Problem> {
                Err(Problem::new(Code::Denied, "cannot answer", "a finder has no business here"))
            }
        }
    )+ };
}

not_for_finders! {
    PutTransport -> TransportView, DeleteTransport -> (), GetTransport -> TransportView,
    ListTransports -> Page<TransportView>, Heartbeat -> HeartbeatReply, GetTransportStats -> TransportStats
}

/// Serves a registry at an address that stays its own while it is stopped: who connects meanwhile waits.
pub(crate) struct Discovery {
    pub(crate) registry: Registry,
    listener: StdListener,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Discovery {
    pub(crate) fn stopped(registry: Registry) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { registry, listener, running: None }
    }

    pub(crate) fn start(registry: Registry) -> Self {
        let mut discovery = Self::stopped(registry);
        discovery.go_on();
        discovery
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    pub(crate) fn go_on(&mut self) {
        let listener = TcpListener::from_std(self.listener.try_clone().unwrap()).unwrap();
        let stop = CancellationToken::new();
        let server =
            Server::<TransportDiscovery>::new(Arc::new(self.registry.clone())).sign_with(Self::secret());
        let serving = tokio::spawn(server.serve(listener, stop.clone()));
        self.running = Some((stop, serving));
    }

    pub(crate) async fn stop(&mut self) {
        let (stop, serving) = self.running.take().unwrap();
        stop.cancel();
        serving.await.unwrap();
    }

    /// The key that signs its replies.
    pub(crate) fn secret() -> SecretKey {
        SecretKey::from_seed([200; 32])
    }
}

/// A transport of now that is up, signed by both edges.
pub(crate) fn transport(a: u8, b: u8, kind: &str, rtt_us: u32) -> TransportView {
    let (a, b) = (secret(a), secret(b));
    let entry =
        TransportEntry::new(a.public(), b.public(), TransportType::new(kind).unwrap(), UnixTime(1_000));
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    let signed = entry.with_signatures(&a.public(), by_a, by_b);
    let metrics = Metrics { rtt_us, ..Metrics::default() };
    let claim = EdgeClaim { up: true, renewed_at: UnixTime(1_000), metrics };
    let (id, state) = (signed.entry.id(), TransportState::Up);
    TransportView { id, signed, state, claims: [claim; 2], metrics, sequence: 1 }
}

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub(crate) fn key(seed: u8) -> PublicKey {
    secret(seed).public()
}
