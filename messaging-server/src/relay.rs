//! The state that all clients' tasks share.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use byway_base::{Moment, PublicKey};
use byway_messaging::{ClientId, Connected, Counters, Full, Switch, SwitchLimits, Violation};
use byway_wire::messaging::Frame;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Payloads below this are copied out of the reader's buffer, so that a small datagram that waits does not keep a whole
/// buffer in memory. Larger ones are handed on by reference.
const COPY_BELOW: usize = 4 * 1024;

/// The switch and whom to wake. The lock is held for one batch of frames at a time, never across I/O.
#[derive(Debug)]
pub(crate) struct Relay {
    inner: Mutex<Inner>,
    origin: Instant,
}

#[derive(Debug)]
struct Inner {
    switch: Switch,
    /// The writers that sleep, by [`ClientId::index`].
    sleeping: Vec<Option<Waker>>,
}

/// The client's session was replaced by a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a newer connection of the same key replaced this one")]
pub(crate) struct Replaced;

impl Relay {
    pub(crate) fn new(limits: SwitchLimits) -> Self {
        let switch = Switch::new(limits, Moment::ZERO);
        Self { inner: Mutex::new(Inner { switch, sleeping: Vec::new() }), origin: Instant::now() }
    }

    fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    /// Takes a client in; the task of an older session of its key is woken and ends.
    pub(crate) fn connect(&self, key: PublicKey) -> Result<ClientId, Full> {
        let (id, old) = {
            let mut inner = self.inner.lock();
            let Connected { id, .. } = inner.switch.client_connected(key, self.now())?;
            if inner.sleeping.len() <= id.index() {
                inner.sleeping.resize(id.index() + 1, None);
            }
            // A replaced session had the same place.
            (id, inner.sleeping[id.index()].take())
        };
        old.into_iter().for_each(Waker::wake);
        Ok(id)
    }

    pub(crate) fn disconnect(&self, id: ClientId) {
        self.inner.lock().switch.client_gone(id);
    }

    /// Switches a batch of frames that one client sent, then wakes the writers that have something to write.
    pub(crate) fn handle(&self, id: ClientId, mut frames: Vec<Frame>) -> Result<(), Violation> {
        frames.iter_mut().for_each(detach_small);
        self.change(|switch, now| {
            frames.into_iter().try_for_each(|frame| switch.handle_frame(id, frame, now))
        })
    }

    pub(crate) fn ping(&self, id: ClientId, token: u64) {
        self.change(|switch, _| switch.ping(id, token));
    }

    /// Tells all clients, and those yet to come, that the server will stop.
    pub(crate) fn drain(&self) {
        self.change(|switch, _| switch.drain());
    }

    fn change<T>(&self, act: impl FnOnce(&mut Switch, Moment) -> T) -> T {
        let mut writable = Vec::new();
        let now = self.now();
        let (result, wakers) = {
            let mut inner = self.inner.lock();
            let result = act(&mut inner.switch, now);
            inner.switch.take_writable(&mut writable);
            let wakers: Vec<Waker> =
                writable.iter().filter_map(|id| inner.sleeping.get_mut(id.index())?.take()).collect();
            (result, wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Moves what waits for a client to `out`, about `budget` bytes. Pending, with the waker kept, if nothing does.
    pub(crate) fn poll_transmit(
        &self,
        id: ClientId,
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

    pub(crate) fn clients(&self) -> usize {
        self.inner.lock().switch.clients()
    }

    /// What the switch did so far, and the bytes queued at present.
    pub(crate) fn counters(&self) -> (Counters, usize) {
        let inner = self.inner.lock();
        (inner.switch.counters(), inner.switch.queued())
    }
}

fn detach_small(frame: &mut Frame) {
    if let Frame::Send { payload, .. } = frame
        && payload.len() < COPY_BELOW
    {
        *payload = Bytes::copy_from_slice(payload);
    }
}
