//! What the parts of a client share: the core, the links, the packets that arrived.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

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
    link::{Gate, SendQueue},
};

/// Peers whose synthetic address is known. As many as the core remembers.
const PEERS: usize = 16_384;

/// Shared by the endpoint, the links, the dialler and the steward. One lock, held for table look-ups only.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) identity: Identity,
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
    links: BTreeMap<PublicKey, Arc<SendQueue>>,
    keys: Recent<SocketAddr, PublicKey>,
}

impl Hub {
    pub(crate) fn new(identity: Identity, servers_wanted: usize) -> Arc<Self> {
        let core = ClientCore::new(identity.public(), servers_wanted);
        Arc::new(Self {
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
        self.state.lock().keys.get_or_insert_with(synthetic_address(&peer), || peer);
        self.with_core(|core, now| core.way(peer, false, now))
    }

    /// Everything that the core wants done.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        let mut state = self.state.lock();
        std::iter::from_fn(|| state.core.poll_effect()).collect()
    }

    /// A link is ready for packets.
    pub(crate) fn link_up(&self, server: PublicKey, queue: Arc<SendQueue>) {
        self.state.lock().links.insert(server, queue);
        self.with_core(|core, now| core.link_up(server, now));
        self.work.notify_one();
        self.ways.notify_waiters();
    }

    /// A link ended; the next attempt comes after `pause`.
    pub(crate) fn link_down(&self, server: PublicKey, pause: Duration) {
        // Dropped outside of the lock: the queue's end wakes the endpoint.
        let _queue = self.state.lock().links.remove(&server);
        self.with_core(|core, now| core.link_down(server, pause, now));
        self.ways.notify_waiters();
    }

    /// A link that was asked to end has ended.
    pub(crate) fn unlink(&self, server: PublicKey) {
        let _queue = self.state.lock().links.remove(&server);
        self.with_core(|core, now| {
            if core.is_up(&server) {
                core.link_down(server, Duration::ZERO, now);
            }
        });
    }

    /// Whether a server is connected.
    pub(crate) fn is_up(&self, server: &PublicKey) -> bool {
        self.state.lock().core.is_up(server)
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
                    Frame::Gone { destination } => {
                        state.core.gone(destination, server, now);
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
}

impl VirtualPath for Hub {
    fn try_send(&self, to: SocketAddr, packet: &[u8]) -> Result<(), PathFull> {
        let (sent_through, has_effects) = {
            let mut state = self.state.lock();
            // An address that was forgotten, or a way that is not open: lost, as on any network.
            let Some(peer) = state.keys.get_mut(&to).copied() else { return Ok(()) };
            let through = match state.core.way(peer, true, self.now()) {
                Way::Through(server) => state.links.get(&server).cloned().map(|queue| (peer, queue)),
                Way::Pending | Way::None(_) => None,
            };
            (through, state.core.has_effects())
        };
        if has_effects {
            self.work.notify_one();
        }
        match sent_through {
            Some((peer, queue)) => queue.push_packet(peer, packet),
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
