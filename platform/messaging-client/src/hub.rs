//! What the parts of a client share: the core, the links, the packets that arrived.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use byway_base::{Moment, PublicKey};
use byway_messaging::{ClientCore, Effect, Recent, Way};
use byway_net::{
    Identity,
    virtual_path::{PathFull, RecvBatch, VirtualPath, synthetic_address},
};
use byway_wire::messaging::Frame;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    inbound::{Inbound, Packet},
    link::{Dials, Gate, SendQueue},
    protocol::{Protocol, Spot},
};

/// Peers whose synthetic address is known. As many as the core remembers.
const PEERS: usize = 16_384;

/// Shared by the endpoint, the links, the dialler and the steward. One lock, held for table look-ups only.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) identity: Identity,
    pub(crate) dials: Dials,
    pub(crate) inbound: Inbound,
    pub(crate) gate: Arc<Gate>,
    /// Wakes the steward: the core has effects.
    pub(crate) work: Notify,
    /// Wakes diallers: a way may have opened or closed.
    pub(crate) ways: Notify,
    state: Mutex<State>,
    origin: Instant,
}

#[derive(Debug)]
struct State {
    core: ClientCore,
    links: BTreeMap<PublicKey, (Arc<SendQueue>, Spot)>,
    keys: Recent<SocketAddr, PublicKey>,
}

impl Hub {
    pub(crate) fn new(identity: Identity, servers_wanted: usize, prefer: Protocol) -> Arc<Self> {
        let core = ClientCore::new(identity.public(), servers_wanted, rand::random());
        Arc::new(Self {
            dials: Dials::new(identity.clone(), prefer),
            identity,
            inbound: Inbound::default(),
            gate: Arc::default(),
            work: Notify::new(),
            ways: Notify::new(),
            state: Mutex::new(State { core, links: BTreeMap::new(), keys: Recent::new(PEERS) }),
            origin: Instant::now(),
        })
    }

    /// The present on the clock that the core is told.
    pub(crate) fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    /// When on tokio's clock a moment of the core's is.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since_origin()
    }

    /// Lets the core do something, then wakes whom it concerns.
    pub(crate) fn with_core<T>(&self, act: impl FnOnce(&mut ClientCore, Moment) -> T) -> T {
        let (result, has_effects) = {
            let mut state = self.state.lock();
            let result = act(&mut state.core, self.now());
            (result, state.core.has_effects())
        };
        if has_effects {
            self.work.notify_one();
        }
        result
    }

    /// The way to a peer now; may start a look-up or a connection. Makes its packets known to the endpoint.
    pub(crate) fn way(&self, peer: PublicKey) -> Way {
        self.known(peer);
        self.with_core(|core, now| core.way(peer, false, now))
    }

    /// Everything that the core wants done.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        let mut state = self.state.lock();
        std::iter::from_fn(|| state.core.poll_effect()).collect()
    }

    /// A link is ready for packets.
    pub(crate) fn link_up(&self, server: PublicKey, queue: Arc<SendQueue>, spot: Spot) {
        self.state.lock().links.insert(server, (queue, spot));
        self.with_core(|core, now| core.link_up(server, now));
        self.work.notify_one();
        self.ways.notify_waiters();
    }

    /// A link ended, or did not come up.
    pub(crate) fn link_down(&self, server: PublicKey) {
        // Dropped outside of the lock: the queue's end wakes the endpoint.
        let _queue = self.state.lock().links.remove(&server);
        self.with_core(|core, now| core.link_down(server, now));
        self.ways.notify_waiters();
    }

    /// A link that was asked to end has ended.
    pub(crate) fn unlink(&self, server: PublicKey) {
        let _queue = self.state.lock().links.remove(&server);
        self.with_core(|core, now| core.link_closed(server, now));
    }

    /// How each of the servers that are connected is.
    pub(crate) fn spots(&self) -> BTreeMap<PublicKey, Spot> {
        self.state.lock().links.iter().map(|(server, (_, spot))| (*server, *spot)).collect()
    }

    /// Tells the core what the directory answered. Diallers may know a way then, and what waited for it is delivered.
    pub(crate) fn answered(&self, tell: impl FnOnce(&mut ClientCore, Moment)) {
        let released: Vec<_> = self.with_core(|core, now| {
            tell(core, now);
            std::iter::from_fn(|| core.poll_released()).collect()
        });
        self.inbound.push(released.into_iter().map(|(source, payload)| (self.known(source), payload)));
        self.ways.notify_waiters();
    }

    /// A peer's synthetic address, of which the endpoint is to know whose it is.
    fn known(&self, peer: PublicKey) -> SocketAddr {
        let address = synthetic_address(&peer);
        self.state.lock().keys.get_or_insert_with(address, || peer);
        address
    }

    /// Frames that arrived on a link, in order. Pings and pongs are the link's own business.
    pub(crate) fn received(&self, server: PublicKey, frames: Vec<Frame>) {
        let now = self.now();
        let mut packets: Vec<Packet> = Vec::with_capacity(frames.len());
        let mut last: Option<(PublicKey, SocketAddr)> = None;
        let mut ways_changed = false;
        let has_effects = {
            let mut state = self.state.lock();
            for frame in frames {
                match frame {
                    Frame::Receive { source, payload } => {
                        let address = match last {
                            Some((key, address)) if key == source => address,
                            _ => state.heard(source, server, now),
                        };
                        last = Some((source, address));
                        packets.push((address, payload));
                    }
                    Frame::Forwarded { server: at, source, payload } => {
                        packets.extend(state.forwarded(source, at, server, payload, now));
                    }
                    Frame::Gone { destination } => {
                        state.core.gone(destination, server, now);
                        ways_changed = true;
                    }
                    Frame::GoneAt { server: at, destination } => {
                        state.core.gone_at(destination, at, server, now);
                        ways_changed = true;
                    }
                    Frame::Draining => state.core.draining(server, now),
                    Frame::Limited => tracing::debug!(?server, "messaging server limits our rate"),
                    _ => {}
                }
            }
            state.core.has_effects()
        };
        self.inbound.push(packets);
        if has_effects {
            self.work.notify_one();
        }
        if ways_changed {
            self.ways.notify_waiters();
        }
    }
}

impl State {
    fn heard(&mut self, source: PublicKey, server: PublicKey, now: Moment) -> SocketAddr {
        let address = synthetic_address(&source);
        self.core.heard(source, server, now);
        self.keys.get_or_insert_with(address, || source);
        address
    }

    fn forwarded(
        &mut self,
        source: PublicKey,
        at: PublicKey,
        via: PublicKey,
        payload: Bytes,
        now: Moment,
    ) -> Option<Packet> {
        let payload = self.core.forwarded(source, at, via, payload, now)?;
        let address = synthetic_address(&source);
        self.keys.get_or_insert_with(address, || source);
        Some((address, payload))
    }

    /// The queue that leads to a peer now, and the head of the frames for it.
    fn queue_to(&mut self, peer: PublicKey, now: Moment) -> Option<(Arc<SendQueue>, Frame)> {
        let (server, head) = match self.core.way(peer, true, now) {
            Way::Through(server) => (server, Frame::Send { destination: peer, payload: Bytes::new() }),
            Way::Relayed { via, at } => {
                (via, Frame::Forward { server: at, destination: peer, payload: Bytes::new() })
            }
            Way::Pending | Way::None(_) => return None,
        };
        self.links.get(&server).map(|(queue, _)| (queue.clone(), head))
    }
}

impl VirtualPath for Hub {
    fn try_send(&self, to: SocketAddr, packet: &[u8]) -> Result<(), PathFull> {
        let (sent_through, has_effects) = {
            let mut state = self.state.lock();
            // An address that was forgotten, or a way that is not open: lost, as on any network.
            let Some(peer) = state.keys.get_mut(&to).copied() else { return Ok(()) };
            (state.queue_to(peer, self.now()), state.core.has_effects())
        };
        if has_effects {
            self.work.notify_one();
        }
        match sent_through {
            Some((queue, head)) => queue.push_packet(&head, packet),
            None => Ok(()),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.gate.poll_open(cx)
    }

    fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
        self.inbound.poll_recv(cx, batch)
    }
}
