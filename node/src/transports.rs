//! The node's transports: opened, accepted, kept, measured.

mod keeper;
mod quality;
mod table;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use byway_base::{Code, Problem, PublicKey, TransportId, TransportType, limits::TRANSPORTS_PER_NODE};
use byway_messaging_client::MessagingClient;
use byway_routing::TransportSlot;
use byway_transports::{Opened, Registry};
use byway_wire::{Candidate, RecordBody, SignedTransportEntry};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

use crate::{
    dataplane::{Dataplane, TransportWaker},
    dialer::is_relayed,
    driver::Driver,
    events::{Events, NodeEvent},
    traversal::Traversal,
};

pub(crate) use keeper::Down;
pub use keeper::Wanted;
pub(crate) use quality::{Measured, Quality};
pub(crate) use table::{Live, Table};

/// Pings of a fresh transport beyond the regular ones.
const FIRST_PINGS: usize = 5;
/// Time between them.
const FIRST_PING_INTERVAL: Duration = Duration::from_millis(50);

/// How far to go for a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ways {
    /// To known and published addresses; and through NATs, if the last attempt that failed is long enough ago.
    Patient,
    /// Through NATs too, whatever came of it before.
    All,
}

/// All transports of a node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transports {
    inner: Arc<Inner>,
}

struct Inner {
    own: PublicKey,
    registry: Registry,
    dataplane: Arc<Dataplane>,
    messaging: Option<MessagingClient>,
    traversal: Option<Traversal>,
    table: Mutex<Table>,
    /// Those that are wanted and not up.
    down: Mutex<BTreeMap<TransportId, Down>>,
    /// Counts changes of the table, so that others can wait for them.
    changes: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
    events: Events,
}

impl Transports {
    /// Takes over the transports that peers open, until `stop`.
    pub(crate) fn start(
        own: PublicKey,
        registry: Registry,
        accepted: mpsc::Receiver<Opened>,
        dataplane: Arc<Dataplane>,
        (messaging, traversal): (Option<MessagingClient>, Option<Traversal>),
        events: Events,
        stop: CancellationToken,
    ) -> Self {
        let inner = Inner {
            own,
            registry,
            dataplane,
            messaging,
            traversal,
            table: Mutex::default(),
            down: Mutex::default(),
            changes: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            stop,
            events,
        };
        let transports = Self { inner: Arc::new(inner) };
        transports.inner.tasks.spawn(transports.clone().take_accepted(accepted));
        transports
    }

    async fn take_accepted(self, mut accepted: mpsc::Receiver<Opened>) {
        let stop = self.inner.stop.clone();
        while let Some(Some(opened)) = stop.run_until_cancelled(accepted.recv()).await {
            self.add(opened);
        }
    }

    /// Opens a transport, unless one of that type to that peer is up; keeps it up until it is removed if `wanted`.
    ///
    /// # Errors
    /// Why it could not be opened; a wanted one is tried again by itself nevertheless.
    pub(crate) async fn open(&self, kind: &TransportType, peer: PublicKey) -> Result<TransportId, Problem> {
        self.open_by(kind, peer, &[], Ways::All).await
    }

    /// [`Self::open`], trying `known` addresses in the place of those of the peer's contact record.
    async fn open_by(
        &self,
        kind: &TransportType,
        peer: PublicKey,
        known: &[Candidate],
        ways: Ways,
    ) -> Result<TransportId, Problem> {
        let id = TransportId::derive(&self.inner.own, &peer, kind);
        if self.inner.table.lock().get(&id).is_some() {
            return Ok(id);
        }
        let opened = self.dial(kind, peer, known, ways).await?;
        let added = self.add(opened);
        if added {
            Ok(id)
        } else {
            Err(Problem::new(Code::Limit, cannot_open(kind, peer), "the node holds as many as it may"))
        }
    }

    /// Dials the addresses that are known or published; then that which NAT traversal finds, if the type is carried by UDP.
    async fn dial(
        &self,
        kind: &TransportType,
        peer: PublicKey,
        known: &[Candidate],
        ways: Ways,
    ) -> Result<Opened, Problem> {
        let what = || cannot_open(kind, peer);
        let registry = &self.inner.registry;
        let mut candidates = Ok(known.to_vec());
        if known.is_empty() && !is_relayed(kind) {
            candidates = self.published_candidates(peer).await;
        }
        let dialled = match candidates {
            Ok(candidates) => {
                let opened = registry.open(kind, peer, &candidates).await;
                opened.map_err(|error| error.problem(what()))
            }
            Err(problem) => Err(problem.while_doing(what())),
        };
        let rests = |traversal: &&Traversal| ways == Ways::Patient && traversal.rests(&peer);
        let traversal = self.inner.traversal.as_ref().filter(|it| kind.as_str() == "quic" && !rests(it));
        let Some(traversal) = traversal.filter(|_| dialled.is_err()) else { return dialled };
        let way = traversal.find_way(peer).await.map_err(|why| why.problem(what()))?;
        let opened = registry.open(kind, peer, &[Candidate { kind: kind.clone(), address: way }]).await;
        opened.map_err(|error| {
            let problem = error.problem(what());
            traversal.unusable(peer, way, &problem);
            problem
        })
    }

    async fn published_candidates(&self, peer: PublicKey) -> Result<Vec<Candidate>, Problem> {
        match &self.inner.messaging {
            Some(messaging) => {
                let records = messaging.look_up(&[peer]).await?;
                let bodies = records.into_iter().map(|signed| signed.record.body);
                Ok(bodies
                    .flat_map(|body| match body {
                        RecordBody::Node { candidates, .. } => candidates,
                        RecordBody::Server { .. } | RecordBody::Tombstone {} => Vec::new(),
                    })
                    .collect())
            }
            None => Ok(Vec::new()),
        }
    }

    /// Takes a transport in and runs it. False if there is no room for it; a better one with the same id stays.
    fn add(&self, opened: Opened) -> bool {
        let Opened { peer, entry, link, address, dialled } = opened;
        let inner = &self.inner;
        let waker = TransportWaker::new();
        let stop = inner.stop.child_token();
        let mut table = inner.table.lock();
        let id = entry.entry.id();
        if let Some(present) = table.get(&id) {
            if !present.yields_to(&entry, dialled, inner.own, peer) {
                return true;
            }
            present.stop.cancel();
        } else if table.len() >= TRANSPORTS_PER_NODE {
            return false;
        }
        let slot = inner.dataplane.add_transport(waker.clone());
        let kind = entry.entry.kind.clone();
        info!(peer = %peer.short(), %kind, %address, dialled, "transport up");
        let quality = Quality::new(link.meter());
        table.insert(id, Live { peer, entry, slot, address, dialled, quality, stop: stop.clone() });
        drop(table);
        inner.events.publish(NodeEvent::TransportUp { peer, kind: kind.clone() });
        self.changed();
        let driver = Driver::new(link, slot, inner.dataplane.clone(), waker);
        inner.tasks.spawn(self.clone().measure(slot, stop.clone()));
        let transports = self.clone();
        inner.tasks.spawn(async move {
            let why = driver.run(&stop).await;
            transports.inner.dataplane.remove_transport(slot);
            transports.inner.table.lock().remove_slot(&id, slot);
            info!(peer = %peer.short(), %kind, why, "transport down");
            transports.inner.events.publish(NodeEvent::TransportDown { peer, kind, why });
            transports.changed();
        });
        true
    }

    /// Closes a transport. False if there is none with this id.
    pub(crate) fn close(&self, id: &TransportId) -> bool {
        let table = self.inner.table.lock();
        let live = table.get(id);
        live.inspect(|live| live.stop.cancel());
        live.is_some()
    }

    /// Closes the transport that the data half found dead.
    pub(crate) fn close_slot(&self, slot: TransportSlot, why: &'static str) {
        // The slot may have been given to another transport since the event was sent.
        if !self.inner.dataplane.transport(slot).is_some_and(|view| view.dead) {
            return;
        }
        if let Some(live) = self.inner.table.lock().by_slot(slot) {
            info!(peer = %live.peer.short(), why, "transport given up");
            live.stop.cancel();
        }
    }

    /// Pings a fresh transport a few times, so that the finder can judge it from the beginning.
    async fn measure(self, slot: TransportSlot, stop: CancellationToken) {
        for _ in 0..FIRST_PINGS {
            self.inner.dataplane.ping_transport(slot);
            if stop.run_until_cancelled(sleep(FIRST_PING_INTERVAL)).await.is_none() {
                return;
            }
        }
        self.changed();
    }

    fn changed(&self) {
        self.inner.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes with every transport that comes, goes or has been measured for the first time.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Reads the table.
    pub(crate) fn with_table<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        read(&self.inner.table.lock())
    }

    /// The entries of all live transports.
    pub(crate) fn entries(&self) -> Vec<SignedTransportEntry> {
        self.with_table(|table| table.iter().map(|(_, live)| live.entry.clone()).collect())
    }

    /// Where transports of a type are accepted, if they are.
    pub(crate) fn listen_address(&self, kind: &str) -> Option<SocketAddr> {
        let candidates = self.inner.registry.candidates();
        candidates.iter().find(|candidate| candidate.kind.as_str() == kind).map(|candidate| candidate.address)
    }

    /// Waits until every task ended, after `stop`.
    pub(crate) async fn finished(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

fn cannot_open(kind: &TransportType, peer: PublicKey) -> String {
    format!("cannot open a {kind} transport to {}", peer.short())
}
