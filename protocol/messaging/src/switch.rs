//! The relay: takes datagrams from clients and queues them for others, by public key.
//!
//! The switch sees neither sockets nor what is inside a payload. A payload enters as a slice of the reader's buffer and
//! leaves as the same slice. What it cannot deliver it drops, counts, and where that helps tells the sender; nothing
//! that one client does, or fails to do, makes another wait.

mod egress;
mod gone;
mod session;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use byway_base::{
    Moment, PublicKey,
    limits::{MESSAGING_CLIENT_QUEUE, MESSAGING_CLIENTS},
};
use byway_wire::messaging::Frame;
use slab::Slab;

use crate::rate::{Rate, TokenBucket};
use egress::SLOT_CHARGE;
use session::Session;

/// Bytes that all queues together hold unless configured otherwise: what a server can lose to clients that stopped
/// reading.
const QUEUES: usize = 256 * 1024 * 1024;

/// One session of a client. A later session of the same key has another id, and ids are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    index: u32,
    generation: u64,
}

/// What a switch holds and lets pass.
#[derive(Debug, Clone, Copy)]
pub struct SwitchLimits {
    /// Clients connected at once.
    pub clients: usize,
    /// Bytes queued towards one client.
    pub client_queue: usize,
    /// Bytes queued in all. The fuller they are, the less each client may have: what is left is the limit of each.
    pub queues: usize,
    /// What one client may send.
    pub client_rate: Option<Rate>,
    /// What all clients together may send.
    pub server_rate: Option<Rate>,
}

impl Default for SwitchLimits {
    /// [`MESSAGING_CLIENTS`], [`MESSAGING_CLIENT_QUEUE`], 256 MiB in all, no rates.
    fn default() -> Self {
        Self {
            clients: MESSAGING_CLIENTS,
            client_queue: MESSAGING_CLIENT_QUEUE,
            queues: QUEUES,
            client_rate: None,
            server_rate: None,
        }
    }
}

/// What the switch did since it began. Bytes are payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams put into a client's queue.
    pub switched: u64,
    /// Their bytes.
    pub switched_bytes: u64,
    /// Datagrams dropped because the destination's queue was full.
    pub dropped_queue: u64,
    /// Datagrams dropped because a rate was exceeded.
    pub dropped_rate: u64,
    /// Datagrams dropped because the destination is not here.
    pub dropped_gone: u64,
    /// Frames without payload dropped because their receiver does not read.
    pub dropped_control: u64,
}

/// The result of [`Switch::client_connected`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// The new session.
    pub id: ClientId,
    /// The older session of the same key, gone with all that was queued for it. Its connection is to be closed.
    pub replaced: Option<ClientId>,
}

/// The server holds as many clients as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server holds as many clients as it may")]
pub struct Full;

/// A client sent a frame that only servers send. Its connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client sent a frame that only servers send")]
pub struct Violation;

/// The clients of a server and what waits for each.
#[derive(Debug)]
pub struct Switch {
    limits: SwitchLimits,
    sessions: Slab<Session>,
    by_key: BTreeMap<PublicKey, ClientId>,
    bucket: TokenBucket,
    writable: Vec<ClientId>,
    queued: usize,
    next_generation: u64,
    draining: bool,
    counters: Counters,
}

impl Switch {
    /// A switch without clients.
    #[must_use]
    pub fn new(limits: SwitchLimits, now: Moment) -> Self {
        Self {
            limits,
            sessions: Slab::new(),
            by_key: BTreeMap::new(),
            bucket: TokenBucket::new(limits.server_rate, now),
            writable: Vec::new(),
            queued: 0,
            next_generation: 0,
            draining: false,
            counters: Counters::default(),
        }
    }

    /// An authenticated client connected. The newest session of a key wins: the older one may be half dead, and the
    /// client knows better than the server.
    ///
    /// # Errors
    /// [`Full`] if there are as many clients as allowed, and this is none of them.
    pub fn client_connected(&mut self, key: PublicKey, now: Moment) -> Result<Connected, Full> {
        let replaced = self.by_key.get(&key).copied();
        match replaced {
            Some(old) => self.client_gone(old),
            None if self.sessions.len() >= self.limits.clients => return Err(Full),
            None => {}
        }
        let entry = self.sessions.vacant_entry();
        let index = u32::try_from(entry.key()).map_err(|_| Full)?;
        let id = ClientId { index, generation: self.next_generation };
        self.next_generation += 1;
        entry.insert(Session::new(key, id, self.limits.client_rate, now));
        self.by_key.insert(key, id);
        if self.draining {
            self.control(id, Frame::Draining);
        }
        Ok(Connected { id, replaced })
    }

    /// The connection of a session ended. Without effect if the session was replaced before.
    pub fn client_gone(&mut self, id: ClientId) {
        let Some(session) = self.get_mut(id) else { return };
        let key = session.key;
        let session = self.sessions.remove(id.index as usize);
        self.queued -= session.egress.bytes();
        self.by_key.remove(&key);
    }

    /// Whether the session still counts: it neither ended nor was replaced.
    #[must_use]
    pub fn is_connected(&self, id: ClientId) -> bool {
        self.sessions.get(id.index as usize).is_some_and(|session| session.id == id)
    }

    /// Handles a frame from a client. Frames of a session that was replaced have no effect.
    ///
    /// # Errors
    /// [`Violation`] if no client may send such a frame.
    pub fn handle_frame(&mut self, from: ClientId, frame: Frame, now: Moment) -> Result<(), Violation> {
        match frame {
            Frame::Send { destination, payload } => self.forward(from, destination, payload, now),
            Frame::Ping(token) => self.control(from, Frame::Pong(token)),
            Frame::Pong(_) => {}
            Frame::Receive { .. }
            | Frame::Gone { .. }
            | Frame::Draining
            | Frame::Limited
            | Frame::Forward { .. }
            | Frame::Carry { .. }
            | Frame::Forwarded { .. }
            | Frame::GoneAt { .. }
            | Frame::NotHere { .. } => {
                return Err(Violation);
            }
        }
        Ok(())
    }

    fn forward(&mut self, from: ClientId, destination: PublicKey, payload: Bytes, now: Moment) {
        let Some(sender) = self.sessions.get_mut(from.index as usize).filter(|session| session.id == from)
        else {
            return;
        };
        // Datagrams cost work even if they are empty.
        let cost = (payload.len() + SLOT_CHARGE) as u64;
        if !sender.bucket.take(cost, now) || !self.bucket.take(cost, now) {
            self.counters.dropped_rate += 1;
            if sender.limited_due(now) {
                self.control(from, Frame::Limited);
            }
            return;
        }
        let source = sender.key;
        let Some(&to) = self.by_key.get(&destination) else {
            self.counters.dropped_gone += 1;
            if sender.gone.due(destination, now) {
                self.control(from, Frame::Gone { destination });
            }
            return;
        };
        let receiver = &mut self.sessions[to.index as usize];
        let (before, length) = (receiver.egress.bytes(), payload.len() as u64);
        // What is left of the common memory bounds each queue, so that it never runs out and newcomers find some.
        let left = self.limits.queues.saturating_sub(self.queued - before);
        let limit = self.limits.client_queue.min(left / 2);
        let dropped = receiver.egress.push(from, source, payload, limit);
        self.queued = self.queued - before + receiver.egress.bytes();
        self.counters.switched += 1;
        self.counters.switched_bytes += length;
        self.counters.dropped_queue += dropped;
        self.announce(to);
    }

    fn control(&mut self, to: ClientId, frame: Frame) {
        let Some(session) = self.get_mut(to) else { return };
        if session.egress.push_control(frame) {
            self.announce(to);
        } else {
            self.counters.dropped_control += 1;
        }
    }

    fn announce(&mut self, id: ClientId) {
        let session = &mut self.sessions[id.index as usize];
        if !session.announced && !session.egress.is_empty() {
            session.announced = true;
            self.writable.push(id);
        }
    }

    /// Asks a client for a sign of life, whatever its answer will be.
    pub fn ping(&mut self, id: ClientId, token: u64) {
        self.control(id, Frame::Ping(token));
    }

    /// Tells all clients, and those yet to come, that the server will stop.
    pub fn drain(&mut self) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        let ids: Vec<_> = self.by_key.values().copied().collect();
        ids.into_iter().for_each(|id| self.control(id, Frame::Draining));
    }

    /// Moves about `budget` bytes of what waits for a client to `out`, fairly between sources. Returns whether more is
    /// waiting. When nothing is left, the client is announced anew with the next frame.
    pub fn poll_transmit(&mut self, id: ClientId, budget: usize, out: &mut VecDeque<Frame>) -> bool {
        let Some(session) = self.sessions.get_mut(id.index as usize).filter(|session| session.id == id)
        else {
            return false;
        };
        let before = session.egress.bytes();
        session.egress.take(budget, out);
        self.queued -= before - session.egress.bytes();
        session.announced = !session.egress.is_empty();
        session.announced
    }

    /// Moves to `out` the clients for which something waits since they were last polled empty; their writers are to be
    /// woken. Some of them may be gone.
    pub fn take_writable(&mut self, out: &mut Vec<ClientId>) {
        out.append(&mut self.writable);
    }

    /// How many clients are connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.sessions.len()
    }

    /// Bytes queued in all, bookkeeping included.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// What the switch did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn get_mut(&mut self, id: ClientId) -> Option<&mut Session> {
        self.sessions.get_mut(id.index as usize).filter(|session| session.id == id)
    }
}

impl ClientId {
    #[cfg(test)]
    fn for_test(index: u32) -> Self {
        Self { index, generation: 0 }
    }

    /// The place of the session in a table; a later session may have it again.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

#[cfg(test)]
mod tests;
