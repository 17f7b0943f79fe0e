//! Where a datagram goes: into the queue of a client, or of the link to the server that its destination is at.

use bytes::Bytes;
use byway_base::{Moment, PublicKey};
use byway_wire::messaging::Frame;

use super::{
    SessionId, Switch,
    egress::{Egress, LaneId, SERVER_LANES, charge},
    gone::Absent,
    links::Link,
    session::Role,
};

impl Switch {
    /// A client's datagram for another client of this server.
    pub(super) fn send(&mut self, from: SessionId, destination: PublicKey, payload: Bytes, now: Moment) {
        let Some(source) = self.sessions.get(from.index()).map(|session| session.key) else { return };
        let frame = Frame::Receive { source, payload };
        if !self.admit(from, &frame, now) {
            return;
        }
        let Some(&to) = self.clients.get(&destination) else {
            self.counters.dropped_gone += 1;
            return self.notice(from, (None, destination), Frame::Gone { destination }, now);
        };
        self.counters.switched += 1;
        self.counters.switched_bytes += bytes_of(&frame);
        self.enqueue(to, (from, 0), frame, self.limits.client_queue);
    }

    /// A client's datagram for a client of another server.
    pub(super) fn forward(
        &mut self,
        from: SessionId,
        server: PublicKey,
        destination: PublicKey,
        payload: Bytes,
        now: Moment,
    ) {
        let Some(source) = self.sessions.get(from.index()).map(|session| session.key) else { return };
        let frame = Frame::Carry { source, destination, payload };
        if !self.admit(from, &frame, now) {
            return;
        }
        let Some((link, dial)) = self.links.towards(server, source, self.limits.links, now) else {
            self.counters.dropped_link += 1;
            return self.gone_at(source, server, destination, now);
        };
        if dial {
            self.dials.push_back(server);
        }
        self.counters.carried += 1;
        self.counters.carried_bytes += bytes_of(&frame);
        match link {
            Link::Up(to) => {
                let to = *to;
                let session = &mut self.sessions[to.index()];
                session.used(now);
                if let Role::Outbound { unanswered, .. } = &mut session.role {
                    *unanswered += 1;
                }
                self.enqueue(to, (from, 0), frame, self.limits.link_queue);
            }
            Link::Dialling { waiting, .. } => {
                let left = self.limits.queues.saturating_sub(self.queued - waiting.bytes());
                let limit = self.limits.link_waiting.min(left / 2);
                self.counters.dropped_queue += push(&mut self.queued, waiting, (from, 0), frame, limit);
            }
            Link::Away { .. } => {}
        }
    }

    /// A datagram that another server carried here.
    pub(super) fn deliver(
        &mut self,
        from: SessionId,
        source: PublicKey,
        destination: PublicKey,
        payload: Bytes,
        now: Moment,
    ) {
        let Some(session) = self.get_mut(from) else { return };
        session.used(now);
        let lane = source.as_bytes()[0] % SERVER_LANES;
        let frame = Frame::Forwarded { server: session.key, source, payload };
        if !self.admit(from, &frame, now) {
            return;
        }
        let Some(&to) = self.clients.get(&destination) else {
            self.counters.dropped_gone += 1;
            let absent = (Some(source), destination);
            return self.notice(from, absent, Frame::NotHere { source, destination }, now);
        };
        self.counters.delivered += 1;
        self.counters.delivered_bytes += bytes_of(&frame);
        self.enqueue(to, (from, lane), frame, self.limits.client_queue);
    }

    /// Another server says that what was carried there found nobody. It may say so once per datagram.
    pub(super) fn not_there(
        &mut self,
        from: SessionId,
        source: PublicKey,
        destination: PublicKey,
        now: Moment,
    ) {
        let Some(session) = self.get_mut(from) else { return };
        let server = session.key;
        let Role::Outbound { unanswered, .. } = &mut session.role else { return };
        match unanswered.checked_sub(1) {
            Some(rest) => {
                *unanswered = rest;
                self.gone_at(source, server, destination, now);
            }
            None => self.counters.dropped_control += 1,
        }
    }

    /// Tells the client `source` that `destination` is not reached by way of `server`.
    pub(super) fn gone_at(
        &mut self,
        source: PublicKey,
        server: PublicKey,
        destination: PublicKey,
        now: Moment,
    ) {
        // It may have left.
        let Some(&to) = self.clients.get(&source) else { return };
        self.notice(to, (Some(server), destination), Frame::GoneAt { server, destination }, now);
    }

    fn notice(&mut self, to: SessionId, absent: Absent, frame: Frame, now: Moment) {
        if self.get_mut(to).is_some_and(|session| session.gone.due(absent, now)) {
            self.control(to, frame);
        }
    }

    /// Whether the rates let a datagram pass; if not, its sender is told now and then.
    fn admit(&mut self, from: SessionId, frame: &Frame, now: Moment) -> bool {
        // Datagrams cost work even if they are empty.
        let cost = charge(frame) as u64;
        let sender = &mut self.sessions[from.index()];
        if sender.bucket.take(cost, now) && self.bucket.take(cost, now) {
            return true;
        }
        self.counters.dropped_rate += 1;
        if sender.limited_due(now) {
            self.control(from, Frame::Limited);
        }
        false
    }

    fn enqueue(&mut self, to: SessionId, lane: LaneId, frame: Frame, most: usize) {
        let egress = &mut self.sessions[to.index()].egress;
        // What is left of the common memory bounds each queue, so that it never runs out and newcomers find some.
        let left = self.limits.queues.saturating_sub(self.queued - egress.bytes());
        self.counters.dropped_queue += push(&mut self.queued, egress, lane, frame, most.min(left / 2));
        self.announce(to);
    }

    pub(super) fn control(&mut self, to: SessionId, frame: Frame) {
        let Some(session) = self.get_mut(to) else { return };
        if session.egress.push_control(frame) {
            self.announce(to);
        } else {
            self.counters.dropped_control += 1;
        }
    }

    pub(super) fn announce(&mut self, id: SessionId) {
        let session = &mut self.sessions[id.index()];
        if !session.announced && !session.egress.is_empty() {
            session.announced = true;
            self.writable.push(id);
        }
    }
}

/// Queues a datagram and keeps the sum of all queues. Returns how many were dropped for it.
fn push(queued: &mut usize, egress: &mut Egress, lane: LaneId, frame: Frame, limit: usize) -> u64 {
    let before = egress.bytes();
    let dropped = egress.push(lane, frame, limit);
    *queued = *queued - before + egress.bytes();
    dropped
}

fn bytes_of(frame: &Frame) -> u64 {
    frame.payload().len() as u64
}
