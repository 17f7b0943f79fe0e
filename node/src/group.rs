//! A route group as the path under a session: packets go out on the active route and come in from all.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use byway_base::{RouteId, limits::SESSION_MTU};
use byway_net::virtual_path::{PathFull, RecvBatch, VirtualPath};
use byway_routing::{GroupEvent, GroupRole, MemberView, RouteGroup, RouteKey, SendError};
use byway_wire::Reason;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::dataplane::{Dataplane, RouteWakers, Wakes};

/// Memory that a group takes at once for the packets that it sends, bytes.
const ARENA: usize = 16 * SESSION_MTU;
/// Packets taken from a route at once.
const RECEIVE_BATCH: usize = 32;

/// The routes between two ends, under one session.
#[derive(Debug)]
pub(crate) struct Group {
    dataplane: Arc<Dataplane>,
    wakers: Arc<RouteWakers>,
    routes: Mutex<RouteGroup>,
    sending: Mutex<Sending>,
    receiving: Mutex<Receiving>,
    /// The session is over: what it still sends is dropped.
    closed: AtomicBool,
    /// Something happened that whoever keeps the group should look at.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Sending {
    arena: BytesMut,
    wakes: Wakes,
}

#[derive(Debug, Default)]
struct Receiving {
    packets: VecDeque<Bytes>,
    batch: Vec<Bytes>,
    keys: Vec<RouteKey>,
    wakes: Wakes,
}

impl Group {
    /// A group without routes; its session's packets wait until there is one.
    pub(crate) fn new(dataplane: Arc<Dataplane>, role: GroupRole) -> Arc<Self> {
        Arc::new(Self {
            dataplane,
            wakers: Arc::default(),
            routes: Mutex::new(RouteGroup::new(role)),
            sending: Mutex::default(),
            receiving: Mutex::default(),
            closed: AtomicBool::new(false),
            changed: Notify::new(),
        })
    }

    /// Whom the data half wakes for this group's routes.
    pub(crate) fn wakers(&self) -> Arc<RouteWakers> {
        self.wakers.clone()
    }

    /// Adds an installed route.
    pub(crate) fn add(&self, route: RouteId, key: RouteKey) {
        self.routes.lock().add(self.dataplane.now(), route, key);
        self.wakers.unblock();
        self.wakers.readable.wake();
        self.changed.notify_one();
    }

    /// A route of the group is gone.
    pub(crate) fn route_ended(&self, key: RouteKey, reason: Reason) {
        self.routes.lock().route_ended(key, reason);
        self.wakers.unblock();
        self.changed.notify_one();
    }

    /// Waits until a route comes or goes. Cancel safe; for one waiter.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How many routes the group has.
    pub(crate) fn len(&self) -> usize {
        self.routes.lock().len()
    }

    /// The routes, the active one first.
    pub(crate) fn view(&self) -> Vec<MemberView> {
        self.routes.lock().view()
    }

    /// The other end answered a probe.
    pub(crate) fn probe_answered(&self, key: RouteKey, token: u64) {
        self.routes.lock().probe_answered(self.dataplane.now(), key, token);
    }

    /// Sends the probes that are due and removes the routes that did not answer theirs.
    pub(crate) fn probe(&self) {
        let probes = self.routes.lock().poll_probes(self.dataplane.now());
        for (key, token) in probes {
            self.dataplane.send_probe(key, token);
        }
    }

    /// Takes the next event.
    pub(crate) fn pop_event(&self) -> Option<GroupEvent> {
        self.routes.lock().pop_event()
    }

    /// Ends the group: its routes close after what waits in them.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let keys: Vec<RouteKey> = self.routes.lock().keys().collect();
        keys.into_iter().for_each(|key| self.dataplane.close_route(key));
        self.wakers.unblock();
    }
}

impl VirtualPath for Group {
    fn try_send(&self, _: SocketAddr, packet: &[u8]) -> Result<(), PathFull> {
        if self.closed.load(Ordering::Acquire) && self.routes.lock().is_empty() {
            return Ok(());
        }
        let mut sending = self.sending.lock();
        let Sending { arena, wakes } = &mut *sending;
        // Marked before the attempt: a wake between the attempt and the mark would be lost.
        self.wakers.blocked.store(true, Ordering::Release);
        let Some(active) = self.routes.lock().active() else { return Err(PathFull) };
        if arena.capacity() < packet.len() {
            arena.reserve(ARENA);
        }
        arena.extend_from_slice(packet);
        match self.dataplane.send(active, arena.split().freeze(), wakes) {
            Err(SendError::Full) => Err(PathFull),
            // A route that just ended: the packet is lost with it, and the next goes over the spare.
            Ok(()) | Err(SendError::Gone) => {
                self.wakers.blocked.store(false, Ordering::Release);
                Ok(())
            }
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.wakers.writable.register(cx.waker());
        if self.wakers.blocked.load(Ordering::Acquire) { Poll::Pending } else { Poll::Ready(()) }
    }

    fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
        let mut receiving = self.receiving.lock();
        let mut pushed = false;
        loop {
            while batch.has_room()
                && let Some(packet) = receiving.packets.pop_front()
            {
                batch.push(PEER, &packet);
                pushed = true;
            }
            if pushed {
                return Poll::Ready(());
            }
            self.wakers.readable.register(cx.waker());
            self.take_received(&mut receiving);
            if receiving.packets.is_empty() {
                return Poll::Pending;
            }
        }
    }
}

impl Group {
    fn take_received(&self, receiving: &mut Receiving) {
        let Receiving { packets, batch, keys, wakes } = receiving;
        keys.extend(self.routes.lock().keys());
        for key in keys.drain(..) {
            self.dataplane.receive(key, RECEIVE_BATCH, batch, wakes);
            if !batch.is_empty() {
                self.routes.lock().received(key);
                packets.extend(batch.drain(..));
            }
        }
    }
}

/// The address under which a session sees its peer. Each session has an endpoint of its own, so one is enough.
pub(crate) const PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::new(0xfd62, 0x7977, 0, 0, 0, 0, 0, 2)), 1);
/// The address under which a session sees itself.
pub(crate) const OWN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::new(0xfd62, 0x7977, 0, 0, 0, 0, 0, 1)), 1);
