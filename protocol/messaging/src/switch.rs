//! The relay: takes datagrams from clients and queues them for others, by public key.
//!
//! The switch sees neither sockets nor what is inside a payload. A payload enters as a slice of the reader's buffer and
//! leaves as the same slice. What it cannot deliver it drops, counts, and where that helps tells the sender; nothing
//! that one client does, or fails to do, makes another wait.
//!
//! A datagram for a client of another server goes there over a link, and no further. Links have a direction: who dialled
//! carries, who was dialled delivers. What was carried is handed to clients only, and what is carried comes from clients
//! only, so that no datagram takes more than one hop between servers, whatever servers there are and whatever they say.

mod egress;
mod gone;
mod limits;
mod links;
mod queues;
mod session;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
};

use byway_base::{Moment, PublicKey};
use byway_wire::messaging::Frame;
use slab::Slab;

use crate::rate::{Rate, TokenBucket};
use links::Links;
use session::{Role, Session, Use};

pub use limits::{Counters, SwitchLimits};

/// One session of a client or server. A later session of the same key has another id, and ids are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    index: u32,
    generation: u64,
}

/// A session that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// The new session.
    pub id: SessionId,
    /// The older session of the same key, gone with all that was queued for it. Its connection is to be closed.
    pub replaced: Option<SessionId>,
}

/// There are as many as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server holds as many connections as it may")]
pub struct Full;

/// A peer sent a frame that is not its to send. Its connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer sent a frame that is not its to send")]
pub struct Violation;

/// The clients of a server, its links with others, and what waits for each.
#[derive(Debug)]
pub struct Switch {
    limits: SwitchLimits,
    sessions: Slab<Session>,
    clients: BTreeMap<PublicKey, SessionId>,
    /// Servers that dialled this one.
    inbound: BTreeMap<PublicKey, SessionId>,
    links: Links,
    dials: VecDeque<PublicKey>,
    bucket: TokenBucket,
    writable: Vec<SessionId>,
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
            clients: BTreeMap::new(),
            inbound: BTreeMap::new(),
            links: Links::default(),
            dials: VecDeque::new(),
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
        let replaced = self.clients.get(&key).copied();
        match replaced {
            Some(old) => self.session_gone(old, now),
            None if self.clients.len() >= self.limits.clients => return Err(Full),
            None => {}
        }
        let id = self.insert(key, Role::Client, self.limits.client_rate, now)?;
        self.clients.insert(key, id);
        if self.draining {
            self.control(id, Frame::Draining);
        }
        Ok(Connected { id, replaced })
    }

    /// Another server, which is known to be one, dialled this one. As with clients, the newest session wins.
    ///
    /// # Errors
    /// [`Full`] if there are as many as allowed, and this is none of them.
    pub fn server_connected(&mut self, key: PublicKey, now: Moment) -> Result<Connected, Full> {
        let replaced = self.inbound.get(&key).copied();
        match replaced {
            Some(old) => self.session_gone(old, now),
            None if self.inbound.len() >= self.limits.links => return Err(Full),
            None => {}
        }
        let id = self.insert(key, Role::Inbound(Use { last: now }), self.limits.link_rate, now)?;
        self.inbound.insert(key, id);
        Ok(Connected { id, replaced })
    }

    /// A server that [`Switch::poll_dial`] gave was reached, and took this one in.
    ///
    /// # Errors
    /// [`Full`] if it was not to be dialled.
    pub fn link_connected(&mut self, server: PublicKey, now: Moment) -> Result<SessionId, Full> {
        let link = Use { last: now };
        let role = Role::Outbound { link, since: now, pause: links::PAUSE, unanswered: 0 };
        let id = self.insert(server, role, None, now)?;
        let Some((waiting, after)) = self.links.up(server, id) else {
            self.sessions.remove(id.index());
            return Err(Full);
        };
        let session = &mut self.sessions[id.index()];
        session.egress = *waiting;
        if let Role::Outbound { pause, unanswered, .. } = &mut session.role {
            (*pause, *unanswered) = (after, session.egress.datagrams());
        }
        self.announce(id);
        Ok(id)
    }

    /// A server that [`Switch::poll_dial`] gave was not reached. Those who sent to its clients are told.
    pub fn link_failed(&mut self, server: PublicKey, now: Moment) {
        let Some(mut waiting) = self.links.failed(server, now) else { return };
        self.queued -= waiting.bytes();
        for frame in waiting.drain() {
            self.counters.dropped_link += 1;
            if let Frame::Carry { source, destination, .. } = frame {
                self.gone_at(source, server, destination, now);
            }
        }
    }

    /// A server that is to be dialled. Then [`Switch::link_connected`] or [`Switch::link_failed`] says how it went.
    pub fn poll_dial(&mut self) -> Option<PublicKey> {
        self.dials.pop_front()
    }

    fn insert(
        &mut self,
        key: PublicKey,
        role: Role,
        rate: Option<Rate>,
        now: Moment,
    ) -> Result<SessionId, Full> {
        let entry = self.sessions.vacant_entry();
        let index = u32::try_from(entry.key()).map_err(|_| Full)?;
        let id = SessionId { index, generation: self.next_generation };
        self.next_generation += 1;
        entry.insert(Session::new(key, id, role, rate, now));
        Ok(id)
    }

    /// The connection of a session ended. Without effect if the session was replaced before.
    pub fn session_gone(&mut self, id: SessionId, now: Moment) {
        if !self.is_connected(id) {
            return;
        }
        let session = self.sessions.remove(id.index());
        self.queued -= session.egress.bytes();
        match session.role {
            Role::Client => {
                self.clients.remove(&session.key);
            }
            Role::Inbound(_) => {
                self.inbound.remove(&session.key);
            }
            Role::Outbound { since, pause, .. } => self.links.down(session.key, since, pause, now),
        }
    }

    /// Whether the session still counts: it neither ended nor was replaced.
    #[must_use]
    pub fn is_connected(&self, id: SessionId) -> bool {
        self.sessions.get(id.index()).is_some_and(|session| session.id == id)
    }

    /// Since when a link with another server carried nothing. `None` for clients, who may be idle as long as they like.
    #[must_use]
    pub fn idle_since(&self, id: SessionId) -> Option<Moment> {
        match self.sessions.get(id.index()).filter(|session| session.id == id)?.role {
            Role::Client => None,
            Role::Inbound(link) | Role::Outbound { link, .. } => Some(link.last),
        }
    }

    /// Handles a frame from a peer. Frames of a session that was replaced have no effect.
    ///
    /// # Errors
    /// [`Violation`] if the peer may not send such a frame.
    pub fn handle_frame(&mut self, from: SessionId, frame: Frame, now: Moment) -> Result<(), Violation> {
        let Some(session) = self.get_mut(from) else { return Ok(()) };
        match (session.role, frame) {
            (_, Frame::Ping(token)) => self.control(from, Frame::Pong(token)),
            (_, Frame::Pong(_)) => {}
            (Role::Client, Frame::Send { destination, payload }) => {
                self.send(from, destination, payload, now);
            }
            (Role::Client, Frame::Forward { server, destination, payload }) => {
                self.forward(from, server, destination, payload, now);
            }
            (Role::Inbound(_), Frame::Carry { source, destination, payload }) => {
                self.deliver(from, source, destination, payload, now);
            }
            (Role::Outbound { .. }, Frame::NotHere { source, destination }) => {
                self.not_there(from, source, destination, now);
            }
            // The other server counts what it drops.
            (Role::Outbound { .. }, Frame::Limited) => {}
            _ => return Err(Violation),
        }
        Ok(())
    }

    /// Asks a peer for a sign of life, whatever its answer will be; a good moment to give back memory too.
    pub fn ping(&mut self, id: SessionId, token: u64, now: Moment) {
        if let Some(session) = self.get_mut(id) {
            session.gone.tidy(now);
            session.egress.release();
        }
        self.control(id, Frame::Ping(token));
    }

    /// Tells all clients, and those yet to come, that the server will stop. Links with other servers go on, since clients
    /// that move take a while.
    pub fn drain(&mut self) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        let ids: Vec<_> = self.clients.values().copied().collect();
        ids.into_iter().for_each(|id| self.control(id, Frame::Draining));
    }

    /// Moves about `budget` bytes of what waits for a peer to `out`, fairly between sources. Returns whether more is
    /// waiting. When nothing is left, the peer is announced anew with the next frame.
    pub fn poll_transmit(&mut self, id: SessionId, budget: usize, out: &mut VecDeque<Frame>) -> bool {
        let Some(session) = self.sessions.get_mut(id.index()).filter(|session| session.id == id) else {
            return false;
        };
        let before = session.egress.bytes();
        session.egress.take(budget, out);
        self.queued -= before - session.egress.bytes();
        session.announced = !session.egress.is_empty();
        session.announced
    }

    /// Moves to `out` the sessions for which something waits since they were last polled empty; their writers are to be
    /// woken. Some of them may be gone.
    pub fn take_writable(&mut self, out: &mut Vec<SessionId>) {
        out.append(&mut self.writable);
    }

    /// How many clients are connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The keys of clients that come after one in their order, at most `limit`; the first ones without it.
    #[must_use]
    pub fn clients_after(&self, key: Option<&PublicKey>, limit: usize) -> Vec<PublicKey> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.clients.range((from, Bound::Unbounded)).map(|(key, _)| *key).take(limit).collect()
    }

    /// How many links with other servers are up: those that were dialled, and those that dialled this one.
    #[must_use]
    pub fn links(&self) -> (usize, usize) {
        (self.links.count_up(), self.inbound.len())
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

    fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id.index()).filter(|session| session.id == id)
    }
}

impl SessionId {
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
