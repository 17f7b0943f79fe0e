//! The state that all connections' tasks share.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use byway_base::{
    Moment, PublicKey,
    limits::{MESSAGING_IDLE, MESSAGING_LINKS_DIALLED},
};
use byway_messaging::{Connected, Counters, Full, SessionId, Switch, SwitchLimits, Violation};
use byway_wire::messaging::Frame;
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

/// Payloads below this are copied out of the reader's buffer, so that a small datagram that waits does not keep a whole
/// buffer in memory. Larger ones are handed on by reference.
const COPY_BELOW: usize = 4 * 1024;

/// The switch and whom to wake. The lock is held for one batch of frames at a time, never across I/O.
#[derive(Debug)]
pub(crate) struct Relay {
    inner: Mutex<Inner>,
    /// To the task that dials other servers.
    dials: mpsc::Sender<PublicKey>,
    origin: Instant,
}

#[derive(Debug)]
struct Inner {
    switch: Switch,
    /// The writers that sleep, by [`SessionId::index`].
    sleeping: Vec<Option<Waker>>,
}

/// The session was replaced by a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a newer connection of the same key replaced this one")]
pub(crate) struct Replaced;

/// What a relay holds at present.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    /// Links that this server dialled, and links that others dialled.
    pub(crate) links: (usize, usize),
    pub(crate) queued: usize,
}

impl Relay {
    /// A relay without clients, and the servers that it wants dialled.
    pub(crate) fn new(limits: SwitchLimits) -> (Arc<Self>, mpsc::Receiver<PublicKey>) {
        let switch = Switch::new(limits, Moment::ZERO);
        let (dials, wanted) = mpsc::channel(MESSAGING_LINKS_DIALLED);
        let inner = Mutex::new(Inner { switch, sleeping: Vec::new() });
        (Arc::new(Self { inner, dials, origin: Instant::now() }), wanted)
    }

    /// The present on the clock that the switch is told.
    pub(crate) fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    /// When on tokio's clock a moment of the switch's is.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since_origin()
    }

    /// Takes a client in; the task of an older session of its key is woken and ends.
    pub(crate) fn connect_client(&self, key: PublicKey) -> Result<SessionId, Full> {
        self.connect(|switch, now| switch.client_connected(key, now))
    }

    /// Takes in another server that dialled this one, likewise.
    pub(crate) fn connect_server(&self, key: PublicKey) -> Result<SessionId, Full> {
        self.connect(|switch, now| switch.server_connected(key, now))
    }

    /// Another server that was to be dialled was reached.
    pub(crate) fn link_connected(&self, server: PublicKey) -> Result<SessionId, Full> {
        self.connect(|switch, now| {
            switch.link_connected(server, now).map(|id| Connected { id, replaced: None })
        })
    }

    /// Another server that was to be dialled was not reached.
    pub(crate) fn link_failed(&self, server: PublicKey) {
        self.change(|switch, now| switch.link_failed(server, now));
    }

    fn connect(
        &self,
        connect: impl FnOnce(&mut Switch, Moment) -> Result<Connected, Full>,
    ) -> Result<SessionId, Full> {
        let (id, old) = {
            let mut inner = self.inner.lock();
            let Connected { id, .. } = connect(&mut inner.switch, self.now())?;
            if inner.sleeping.len() <= id.index() {
                inner.sleeping.resize(id.index() + 1, None);
            }
            // A replaced session had the same place.
            (id, inner.sleeping[id.index()].take())
        };
        old.into_iter().for_each(Waker::wake);
        Ok(id)
    }

    pub(crate) fn disconnect(&self, id: SessionId) {
        self.inner.lock().switch.session_gone(id, self.now());
    }

    /// Switches a batch of frames that one peer sent, then wakes the writers that have something to write.
    pub(crate) fn handle(&self, id: SessionId, mut frames: Vec<Frame>) -> Result<(), Violation> {
        frames.iter_mut().for_each(detach_small);
        self.change(|switch, now| {
            frames.into_iter().try_for_each(|frame| switch.handle_frame(id, frame, now))
        })
    }

    pub(crate) fn ping(&self, id: SessionId) {
        self.change(|switch, now| switch.ping(id, 0, now));
    }

    /// Whether a session is a link with another server that is of no use any more.
    pub(crate) fn is_idle(&self, id: SessionId) -> bool {
        let idle_since = self.inner.lock().switch.idle_since(id);
        idle_since.is_some_and(|since| self.now() - since >= MESSAGING_IDLE)
    }

    /// Tells all clients, and those yet to come, that the server will stop.
    pub(crate) fn drain(&self) {
        self.change(|switch, _| switch.drain());
    }

    fn change<T>(&self, act: impl FnOnce(&mut Switch, Moment) -> T) -> T {
        let mut writable = Vec::new();
        let now = self.now();
        let (result, wakers, dial) = {
            let mut inner = self.inner.lock();
            let result = act(&mut inner.switch, now);
            inner.switch.take_writable(&mut writable);
            let wakers: Vec<Waker> =
                writable.iter().filter_map(|id| inner.sleeping.get_mut(id.index())?.take()).collect();
            (result, wakers, inner.switch.poll_dial())
        };
        wakers.into_iter().for_each(Waker::wake);
        if let Some(server) = dial {
            self.dial(server);
        }
        result
    }

    fn dial(&self, first: PublicKey) {
        let mut next = Some(first);
        while let Some(server) = next {
            // It has room for all that the switch wants dialled at once; without the task nobody is dialled any more.
            if self.dials.try_send(server).is_err() {
                self.inner.lock().switch.link_failed(server, self.now());
            }
            next = self.inner.lock().switch.poll_dial();
        }
    }

    /// Moves what waits for a peer to `out`, about `budget` bytes. Pending, with the waker kept, if nothing does.
    pub(crate) fn poll_transmit(
        &self,
        id: SessionId,
        budget: usize,
        out: &mut VecDeque<Frame>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Replaced>> {
        let mut inner = self.inner.lock();
        if !inner.switch.is_connected(id) {
            return Poll::Ready(Err(Replaced));
        }
        inner.switch.poll_transmit(id, budget, out);
        if !out.is_empty() {
            return Poll::Ready(Ok(()));
        }
        match &mut inner.sleeping[id.index()] {
            Some(kept) => kept.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub(crate) fn load(&self) -> Load {
        let inner = self.inner.lock();
        let switch = &inner.switch;
        Load { clients: switch.clients(), links: switch.links(), queued: switch.queued() }
    }

    /// The keys of clients that come after one in their order.
    pub(crate) fn clients_after(&self, key: Option<&PublicKey>, limit: usize) -> Vec<PublicKey> {
        self.inner.lock().switch.clients_after(key, limit)
    }

    /// What the switch did so far.
    pub(crate) fn counters(&self) -> Counters {
        self.inner.lock().switch.counters()
    }
}

fn detach_small(frame: &mut Frame) {
    if let Frame::Send { payload, .. } | Frame::Forward { payload, .. } | Frame::Carry { payload, .. } = frame
        && payload.len() < COPY_BELOW
    {
        *payload = Bytes::copy_from_slice(payload);
    }
}
