//! The forwarder behind one lock, and whom to wake: the narrow interface between the control half and the data half.
//!
//! The lock is taken once per batch of packets and never held across I/O or a wake-up.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;
use byway_base::{Moment, RouteId};
use byway_routing::{
    Counters, Event, Forwarder, ForwarderConfig, InstallError, Outgoing, RouteKey, RouteSpec, RouteView,
    SendError, TransportSlot, TransportView, Wake,
};
use byway_wire::{Packet, Reason};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

/// Who waits for the routes of one group.
#[derive(Debug, Default)]
pub(crate) struct RouteWakers {
    /// The session's endpoint, for packets.
    pub(crate) readable: AtomicWaker,
    /// The endpoint of the session's datagrams.
    pub(crate) datagrams: AtomicWaker,
    /// The session's connection, for room.
    pub(crate) writable: AtomicWaker,
    /// A sender found no room and has not been woken since.
    pub(crate) blocked: AtomicBool,
}

impl RouteWakers {
    /// Lets senders try again: there is room, or another route.
    pub(crate) fn unblock(&self) {
        self.blocked.store(false, Ordering::Release);
        self.writable.wake();
    }
}

/// Who sends on one transport, and whether there is something to send.
#[derive(Debug)]
pub(crate) struct TransportWaker {
    task: AtomicWaker,
    signalled: AtomicBool,
}

impl TransportWaker {
    /// Signalled at first: whoever begins looks once.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { task: AtomicWaker::new(), signalled: AtomicBool::new(true) })
    }

    /// Who is to be woken.
    pub(crate) fn register(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Whether the forwarder said since the last call that there is something to send. Until then a look is not worth the
    /// lock.
    pub(crate) fn take_signal(&self) -> bool {
        self.signalled.swap(false, Ordering::AcqRel)
    }

    fn signal(&self) {
        self.signalled.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// The data half of a node.
#[derive(Debug)]
pub(crate) struct Dataplane {
    shared: Mutex<Shared>,
    origin: Instant,
    events: mpsc::UnboundedSender<Event>,
    /// Something is due earlier than [`Dataplane::handle_timeout`] said.
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Shared {
    forwarder: Forwarder,
    /// By slot.
    transports: HashMap<TransportSlot, Arc<TransportWaker>>,
    /// By the routes that begin or end here.
    routes: HashMap<RouteKey, Arc<RouteWakers>>,
}

/// Wakers taken under the lock, to be woken after it. Kept by callers that run often, for its memory.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    transports: Vec<Arc<TransportWaker>>,
    readable: Vec<Arc<RouteWakers>>,
    writable: Vec<Arc<RouteWakers>>,
    datagrams: Vec<Arc<RouteWakers>>,
    events: Vec<Event>,
    sooner: bool,
}

impl Dataplane {
    /// An empty data half; events come out of the receiver. Their number is bounded by what causes them: one per route,
    /// transport, and probe or trace that was sent.
    pub(crate) fn new(config: ForwarderConfig) -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let forwarder = Forwarder::new(config);
        let shared = Mutex::new(Shared { forwarder, ..Shared::default() });
        (Arc::new(Self { shared, origin: Instant::now(), events, sooner: Notify::new() }), receiver)
    }

    /// The time as the forwarder and the groups count it.
    pub(crate) fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    /// Runs `act` under the lock, then wakes whom it concerns.
    fn with<T>(&self, wakes: &mut Wakes, act: impl FnOnce(&mut Forwarder, Moment) -> T) -> T {
        let now = self.now();
        let mut shared = self.shared.lock();
        let result = act(&mut shared.forwarder, now);
        shared.collect(wakes);
        drop(shared);
        wakes.fire(&self.events);
        if std::mem::take(&mut wakes.sooner) {
            self.sooner.notify_one();
        }
        result
    }

    fn once<T>(&self, act: impl FnOnce(&mut Forwarder, Moment) -> T) -> T {
        self.with(&mut Wakes::default(), act)
    }

    /// Adds a transport; `waker` is woken when there is something to send on it.
    pub(crate) fn add_transport(&self, waker: Arc<TransportWaker>) -> TransportSlot {
        let now = self.now();
        let mut shared = self.shared.lock();
        let slot = shared.forwarder.add_transport(now);
        shared.transports.insert(slot, waker);
        slot
    }

    /// Removes a transport and ends its routes.
    pub(crate) fn remove_transport(&self, slot: TransportSlot) {
        self.once(|forwarder, _| forwarder.remove_transport(slot));
        self.shared.lock().transports.remove(&slot);
    }

    /// Installs a route; `wakers` are those of its group if it begins or ends here.
    pub(crate) fn install(
        &self,
        spec: RouteSpec,
        wakers: Option<Arc<RouteWakers>>,
    ) -> Result<RouteKey, InstallError> {
        let now = self.now();
        let mut shared = self.shared.lock();
        let key = shared.forwarder.install(now, spec)?;
        if let Some(wakers) = wakers {
            shared.routes.insert(key, wakers);
        }
        Ok(key)
    }

    /// Removes a route; both neighbours are told.
    pub(crate) fn remove_route(&self, route: &RouteId, reason: Reason) {
        self.once(|forwarder, _| forwarder.remove_route(route, reason));
    }

    /// Ends a route from this end, after what it still has to send.
    pub(crate) fn close_route(&self, key: RouteKey) {
        self.once(|forwarder, _| forwarder.close(key));
    }

    /// Forgets whom to wake for a route that ended.
    pub(crate) fn forget_route(&self, key: RouteKey) {
        self.shared.lock().routes.remove(&key);
    }

    /// Takes what a transport received.
    pub(crate) fn handle_packets(&self, from: TransportSlot, packets: &mut Vec<Packet>, wakes: &mut Wakes) {
        self.with(wakes, |forwarder, now| forwarder.handle_packets(now, from, packets));
    }

    /// Takes what a transport should send.
    pub(crate) fn poll_transmit(
        &self,
        slot: TransportSlot,
        budget: usize,
        out: &mut Vec<Outgoing>,
        wakes: &mut Wakes,
    ) -> usize {
        self.with(wakes, |forwarder, now| forwarder.poll_transmit(now, slot, budget, out))
    }

    /// Sends a session's packet.
    pub(crate) fn send(&self, key: RouteKey, payload: Bytes, wakes: &mut Wakes) -> Result<(), SendError> {
        self.with(wakes, |forwarder, now| forwarder.send(now, key, payload))
    }

    /// Takes what arrived for a session. False if the route is gone.
    pub(crate) fn receive(&self, key: RouteKey, max: usize, out: &mut Vec<Bytes>, wakes: &mut Wakes) -> bool {
        self.with(wakes, |forwarder, now| forwarder.receive(now, key, max, out))
    }

    /// Sends a datagram of a session.
    pub(crate) fn send_datagram(
        &self,
        key: RouteKey,
        payload: Bytes,
        wakes: &mut Wakes,
    ) -> Result<(), SendError> {
        self.with(wakes, |forwarder, now| forwarder.send_datagram(now, key, payload))
    }

    /// Takes the datagrams that arrived for a session. False if the route is gone.
    pub(crate) fn receive_datagrams(
        &self,
        key: RouteKey,
        max: usize,
        out: &mut Vec<Bytes>,
        wakes: &mut Wakes,
    ) -> bool {
        self.with(wakes, |forwarder, _| forwarder.receive_datagrams(key, max, out))
    }

    /// How many bytes wait at a route that begins or ends here and on its first hop.
    pub(crate) fn backlog(&self, key: RouteKey) -> Option<usize> {
        self.shared.lock().forwarder.backlog(key)
    }

    /// Counts a datagram that its transport did not take.
    pub(crate) fn datagram_refused(&self) {
        self.shared.lock().forwarder.datagram_refused();
    }

    /// Whether routes between others are carried from now on.
    pub(crate) fn set_transit(&self, transit: bool) {
        self.once(|forwarder, _| forwarder.set_transit(transit));
    }

    /// Asks the node `hops` hops ahead on a route to answer with `token`.
    pub(crate) fn send_trace(&self, key: RouteKey, hops: u8, token: u64) {
        self.once(|forwarder, now| forwarder.send_trace(now, key, hops, token));
    }

    /// Waits until something is due earlier than [`Self::handle_timeout`] said. Cancel safe; for one waiter.
    pub(crate) async fn sooner(&self) {
        self.sooner.notified().await;
    }

    /// Bytes that came from transports and wait in queues.
    pub(crate) fn queued(&self) -> usize {
        self.shared.lock().forwarder.queued()
    }

    /// Sends a probe over a route that begins here.
    pub(crate) fn send_probe(&self, key: RouteKey, token: u64) {
        self.once(|forwarder, _| forwarder.send_probe(key, token));
    }

    /// Does what is due by time, then says when it wants to be called again.
    pub(crate) fn handle_timeout(&self) -> Duration {
        let next = self.once(|forwarder, now| {
            forwarder.handle_timeout(now);
            forwarder.poll_timeout()
        });
        next - self.now()
    }

    /// Pings a transport now, whatever its turn.
    pub(crate) fn ping_transport(&self, slot: TransportSlot) {
        self.once(|forwarder, now| forwarder.ping_transport(now, slot));
    }

    /// A transport's measurements.
    pub(crate) fn transport(&self, slot: TransportSlot) -> Option<TransportView> {
        self.shared.lock().forwarder.transport(slot)
    }

    /// Totals since the node started.
    pub(crate) fn counters(&self) -> Counters {
        self.shared.lock().forwarder.counters()
    }

    /// The key of a route that is installed here.
    pub(crate) fn key_of(&self, route: &RouteId) -> Option<RouteKey> {
        self.shared.lock().forwarder.key_of(route)
    }

    /// Whether a packet ever passed over a route.
    pub(crate) fn was_used(&self, route: &RouteId) -> bool {
        self.shared.lock().forwarder.was_used(route)
    }

    /// Every installed route.
    pub(crate) fn routes(&self) -> Vec<RouteView> {
        self.shared.lock().forwarder.routes().collect()
    }

    /// How many rules are installed.
    pub(crate) fn rules(&self) -> usize {
        self.shared.lock().forwarder.rules()
    }
}

impl Shared {
    fn collect(&mut self, wakes: &mut Wakes) {
        while let Some(wake) = self.forwarder.pop_wake() {
            match wake {
                Wake::Transport(slot) => wakes.transports.extend(self.transports.get(&slot).cloned()),
                Wake::Readable(key) => wakes.readable.extend(self.routes.get(&key).cloned()),
                Wake::Writable(key) => wakes.writable.extend(self.routes.get(&key).cloned()),
                Wake::Datagrams(key) => wakes.datagrams.extend(self.routes.get(&key).cloned()),
                Wake::Timer => wakes.sooner = true,
            }
        }
        while let Some(event) = self.forwarder.pop_event() {
            wakes.events.push(event);
        }
    }
}

impl Wakes {
    fn fire(&mut self, events: &mpsc::UnboundedSender<Event>) {
        self.transports.drain(..).for_each(|waker| waker.signal());
        self.readable.drain(..).for_each(|wakers| wakers.readable.wake());
        self.writable.drain(..).for_each(|wakers| wakers.unblock());
        self.datagrams.drain(..).for_each(|wakers| wakers.datagrams.wake());
        for event in self.events.drain(..) {
            // The receiver is gone only when the node stops.
            let _ = events.send(event);
        }
    }
}
