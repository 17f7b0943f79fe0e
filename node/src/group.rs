//! A route group as the path under a session: packets go out on the active routes and come in from all.

mod inbox;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use byway_base::{Moment, RouteId, limits::SESSION_MTU};
use byway_net::virtual_path::{PathFull, RecvBatch, VirtualPath};
use byway_routing::{Cause, GroupEvent, GroupRole, MemberView, RouteGroup, RouteKey, SendError, credit_cost};
use byway_wire::Reason;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::dataplane::{Dataplane, RouteWakers, Wakes};

pub(crate) use inbox::Inbox;

/// Memory that a group takes at once for the packets that it sends, bytes, once it sent [`MANY`]. Before, packet by
/// packet.
const ARENA: usize = 16 * SESSION_MTU;
/// Bytes after which a group counts as one that sends much.
const MANY: usize = 4 * ARENA;
/// A group that took no memory for this long gives back what it has, and begins small.
const REST: Duration = Duration::from_secs(5);
/// Packets that are handed over one by one.
const FEW: usize = 4;

/// The routes between two ends, under one session.
#[derive(Debug)]
pub(crate) struct Group {
    dataplane: Arc<Dataplane>,
    wakers: Arc<RouteWakers>,
    routes: Mutex<RouteGroup>,
    sending: Mutex<Sending>,
    receiving: Mutex<Inbox>,
    /// The session is over: what it still sends is dropped.
    closed: AtomicBool,
    /// Something happened that whoever keeps the group should look at.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Sending {
    arena: BytesMut,
    /// Bytes sent since the group began or gave its memory back.
    sent: usize,
    /// When memory was taken last.
    taken_at: Moment,
    wakes: Wakes,
}

impl Group {
    /// A group without routes; its session's packets wait until there is one, and go over up to `stripes` at once.
    pub(crate) fn new(dataplane: Arc<Dataplane>, role: GroupRole, stripes: usize) -> Arc<Self> {
        Arc::new(Self {
            dataplane,
            wakers: Arc::default(),
            routes: Mutex::new(RouteGroup::new(role, stripes)),
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

    /// Adds an installed route of `hops` hops.
    pub(crate) fn add(&self, route: RouteId, key: RouteKey, hops: usize) {
        self.routes.lock().add(self.dataplane.now(), route, key, hops);
        self.wakers.unblock();
        self.wakers.readable.wake();
        self.wakers.datagrams.wake();
        self.changed.notify_one();
    }

    /// A route of the group is gone; a node `distance` hops from here ended it.
    pub(crate) fn route_ended(&self, key: RouteKey, reason: Reason, distance: u8) {
        self.routes.lock().route_ended(key, Cause { reason, distance: Some(distance) });
        self.wakers.unblock();
        self.changed.notify_one();
    }

    /// Waits until there may be events, or [`Self::timeout`] may be earlier than it was. Cancel safe; for one waiter.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How many routes the group has.
    pub(crate) fn len(&self) -> usize {
        self.routes.lock().len()
    }

    /// The data half under the group.
    pub(crate) fn dataplane(&self) -> &Dataplane {
        &self.dataplane
    }

    /// The route that carries the session; the first one of several.
    pub(crate) fn active(&self) -> Option<RouteKey> {
        self.routes.lock().active()
    }

    /// Packets came over a route, so many bytes of them.
    pub(crate) fn received(&self, key: RouteKey, bytes: usize) {
        if self.routes.lock().received(self.dataplane.now(), key, bytes) {
            self.wakers.unblock();
        }
    }

    /// How many routes to install if `wanted` are to work.
    pub(crate) fn missing(&self, wanted: usize) -> usize {
        self.routes.lock().missing(wanted)
    }

    /// The routes, the active ones first.
    pub(crate) fn view(&self) -> Vec<MemberView> {
        self.routes.lock().view()
    }

    /// The other end answered a probe.
    pub(crate) fn probe_answered(&self, key: RouteKey, token: u64) {
        self.routes.lock().probe_answered(self.dataplane.now(), key, token);
        self.wakers.unblock();
        self.changed.notify_one();
    }

    /// Sends the probes that are due, and leaves routes that do not answer theirs.
    pub(crate) fn probe(&self) {
        let probes = self.routes.lock().poll_probes(self.dataplane.now());
        for (key, token) in probes {
            self.dataplane.send_probe(key, token);
        }
        // The session may go over other routes now.
        self.wakers.unblock();
    }

    /// Has a spare take the place of an active route, as [`RouteGroup::prefer`] says.
    pub(crate) fn prefer(&self, spare: RouteId, over: RouteId) -> bool {
        let moved = self.routes.lock().prefer(self.dataplane.now(), spare, over);
        if moved {
            self.wakers.unblock();
            self.changed.notify_one();
        }
        moved
    }

    /// In how long [`Self::probe`] is due; none without routes.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let due = self.routes.lock().poll_timeout()?;
        Some(due - self.dataplane.now())
    }

    /// Gives back memory that the session has not needed lately.
    pub(crate) fn rest(&self) {
        let mut sending = self.sending.lock();
        if self.dataplane.now() - sending.taken_at >= REST {
            (sending.arena, sending.sent) = (BytesMut::new(), 0);
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
        let cost = credit_cost(packet.len());
        let mut sending = self.sending.lock();
        // Marked before the attempt: a wake between the attempt and the mark would be lost.
        self.wakers.blocked.store(true, Ordering::Release);
        let now = self.dataplane.now();
        let choice = self.routes.lock().choose(now, cost, |key| self.dataplane.backlog(key));
        let shared = choice.shared;
        if choice.attention {
            self.changed.notify_one();
        }
        let payload = sending.copy(now, packet);
        let mut full = false;
        for key in choice {
            match self.dataplane.send(key, payload.clone(), &mut sending.wakes) {
                Ok(()) => {
                    if shared {
                        self.routes.lock().sent(key, cost);
                    }
                    self.wakers.blocked.store(false, Ordering::Release);
                    return Ok(());
                }
                Err(SendError::Full) => full = true,
                // It just ended: the packet goes over another one, or waits until the group knows.
                Err(SendError::Gone) => {}
            }
        }
        if full || !self.closed.load(Ordering::Acquire) { Err(PathFull) } else { Ok(()) }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.wakers.writable.register(cx.waker());
        if self.wakers.blocked.load(Ordering::Acquire) { Poll::Pending } else { Poll::Ready(()) }
    }

    fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
        let mut receiving = self.receiving.lock();
        let mut pushed = false;
        loop {
            // A session that receives little uses one of the endpoint's buffers, and the others never get resident.
            let few = receiving.packets.len() < FEW;
            while batch.has_room()
                && !(few && pushed)
                && let Some(packet) = receiving.packets.pop_front()
            {
                batch.push(PEER, &packet);
                pushed = true;
            }
            if pushed {
                return Poll::Ready(());
            }
            self.wakers.readable.register(cx.waker());
            receiving.fetch(self, Dataplane::receive);
            if receiving.packets.is_empty() {
                return Poll::Pending;
            }
        }
    }
}

impl Sending {
    /// The packet in memory of the group's own. A group that sends little takes little at once.
    fn copy(&mut self, now: Moment, packet: &[u8]) -> Bytes {
        if self.arena.capacity() < packet.len() {
            self.arena.reserve(if self.sent < MANY { packet.len() } else { ARENA });
            self.taken_at = now;
        }
        self.sent = self.sent.saturating_add(packet.len());
        self.arena.extend_from_slice(packet);
        self.arena.split().freeze()
    }
}

/// The address under which a session sees its peer. Each session has an endpoint of its own, so one is enough.
pub(crate) const PEER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::new(0xfd62, 0x7977, 0, 0, 0, 0, 0, 2)), 1);
/// The address under which a session sees itself.
pub(crate) const OWN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::new(0xfd62, 0x7977, 0, 0, 0, 0, 0, 1)), 1);
