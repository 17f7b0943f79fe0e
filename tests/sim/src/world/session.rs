//! A session: a route group at each end, and the transfer that runs over them.

use std::time::Duration;

use byway_base::{Moment, Port, RouteId, limits::REDIAL_MIN};
use byway_routing::{Cause, GroupRole, RouteGroup, RouteKey, credit_cost};
use byway_wire::Reason;

use super::{Happening, LinkIx, NodeIx, SessionIx, World, keep::Attempt, node::RouteEnd};
use crate::{
    breach::Breach,
    checks::{Direction, STAMP, Times},
    transfer::Transfer,
};

/// Packets taken from a route at once.
const RECEIVE_BATCH: usize = 32;
/// First of the ports that sources use.
const EPHEMERAL: u16 = 49_152;

/// How an end takes what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// At once.
    Prompt,
    /// One packet, then a pause.
    Slow(Duration),
    /// Not at all.
    Dead,
}

/// What a session is to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Source and destination.
    pub(crate) ends: [NodeIx; 2],
    /// Bytes that each sends.
    pub(crate) bytes: [u64; 2],
    /// Payload of a packet, bytes.
    pub(crate) packet: usize,
    /// Routes wanted.
    pub(crate) routes: usize,
    /// Of these, so many carry the session at once.
    pub(crate) stripes: usize,
    /// Its ends send datagrams too.
    pub(crate) datagrams: bool,
    /// Least time between attempts to replace a route.
    pub(crate) patience: Duration,
    /// How each end reads, at first.
    pub(crate) readers: [Reader; 2],
    /// The only way that its routes go; none if any way will do.
    pub(crate) exactly: Option<Vec<LinkIx>>,
}

impl Plan {
    /// `bytes` from source to destination over two routes, in the packets of sessions.
    pub(crate) fn new(from: NodeIx, to: NodeIx, bytes: u64) -> Self {
        Self {
            ends: [from, to],
            bytes: [bytes, 0],
            packet: byway_base::limits::SESSION_MTU,
            routes: 2,
            stripes: 1,
            patience: REDIAL_MIN,
            datagrams: false,
            readers: [Reader::Prompt; 2],
            exactly: None,
        }
    }

    pub(crate) fn over(self, links: impl IntoIterator<Item = LinkIx>) -> Self {
        Self { exactly: Some(links.into_iter().collect()), routes: 1, ..self }
    }
}

pub(crate) struct Session {
    pub(crate) plan: Plan,
    /// Counts beginnings: a session ends with the crash of either node and is begun anew.
    pub(crate) life: u64,
    pub(crate) port: Port,
    pub(crate) groups: [RouteGroup; 2],
    pub(crate) transfers: [Transfer; 2],
    pub(crate) readers: [Reader; 2],
    pub(super) attempt: Option<Attempt>,
    pub(super) retry_at: Moment,
    pub(super) pause: Duration,
    pub(crate) closed: bool,
    /// Times that packets took to the destination's reader.
    pub(crate) times: Times,
    /// When the present life's transfer was complete at its sender and at its receiver.
    pub(crate) done_at: Option<Moment>,
    /// Why routes of its source were left, in order.
    pub(crate) left: Vec<Reason>,
    /// When the keeper looks next.
    pub(super) tick_at: Moment,
}

impl Session {
    fn new(ix: SessionIx, plan: Plan, life: u64, now: Moment) -> Self {
        let salt = ix.0 as u64 + (life << 32);
        let frame = plan.packet - STAMP;
        let readers = plan.readers;
        Self {
            life,
            // Ports are counted up, so that no two lives of a node's sessions share one.
            port: Port(EPHEMERAL.wrapping_add(((ix.0 as u64 + life * 997) % 16_000) as u16)),
            groups: [GroupRole::Source, GroupRole::Destination]
                .map(|role| RouteGroup::new(role, plan.stripes)),
            transfers: [0, 1].map(|side| Transfer::new(salt, side, plan.bytes[side], frame)),
            readers,
            attempt: None,
            retry_at: now,
            pause: Duration::ZERO,
            closed: false,
            times: Times::default(),
            done_at: None,
            left: Vec::new(),
            tick_at: now,
            plan,
        }
    }

    /// Whether all bytes came and are acknowledged.
    pub(crate) fn is_done(&self) -> bool {
        let received = |side: usize| self.transfers[1 - side].received() == self.plan.bytes[side];
        self.transfers.iter().all(Transfer::is_done) && received(0) && received(1)
    }
}

impl World {
    /// Begins a session.
    pub(crate) fn session(&mut self, plan: Plan) -> SessionIx {
        let ix = SessionIx(self.sessions.len());
        self.sessions.push(Session::new(ix, plan, 0, self.now));
        self.begin(ix);
        ix
    }

    /// Begins a session anew, with nothing of what it was.
    pub(super) fn begin_again(&mut self, ix: SessionIx) {
        let old = &self.sessions[ix.0];
        let (readers, closed, life) = (old.readers, old.closed, old.life + 1);
        self.close_routes(ix);
        let mut new = Session::new(ix, self.sessions[ix.0].plan.clone(), life, self.now);
        (new.readers, new.closed) = (readers, closed);
        self.sessions[ix.0] = new;
        self.begin(ix);
    }

    fn begin(&mut self, ix: SessionIx) {
        let session = &self.sessions[ix.0];
        let (life, port, source) = (session.life, session.port, session.plan.ends[0]);
        self.by_port.insert((self.nodes[source.0].key, port), ix);
        self.plan(Duration::ZERO, Happening::Tick { session: ix, life });
    }

    /// An installed route joins a session's group at one end.
    pub(super) fn attach(&mut self, ix: SessionIx, side: usize, node: NodeIx, route: RouteId, key: RouteKey) {
        let session = &mut self.sessions[ix.0];
        let end = RouteEnd { route, session: ix, life: session.life, side };
        // Only the source knows the path.
        let hops =
            if side == 0 { self.registry.get(&route).map_or(0, |record| record.links.len()) } else { 0 };
        session.groups[side].add(self.now, route, key, hops);
        self.nodes[node.0].ends.insert(key, end);
        self.readable(node, key);
        self.read_datagrams(node, key);
        self.push(ix, side);
    }

    /// A route of a session is gone at one end.
    pub(super) fn detach(&mut self, end: RouteEnd, key: RouteKey, cause: Cause) {
        let RouteEnd { session: ix, life, side, .. } = end;
        let session = &mut self.sessions[ix.0];
        if session.life != life {
            return;
        }
        let carried = session.groups[side].carriers().any(|carrier| carrier == key);
        session.groups[side].route_ended(key, cause);
        if carried {
            session.transfers[side].resend();
        }
        if session.plan.patience > REDIAL_MIN {
            session.retry_at = self.now + session.plan.patience;
        }
        self.push(ix, side);
        self.keep(ix);
    }

    /// Sends what the transfer has and the active routes take.
    pub(super) fn push(&mut self, ix: SessionIx, side: usize) {
        while let Some(frame) = self.sessions[ix.0].transfers[side].peek()
            && self.send(ix, side, &frame)
        {
            self.sessions[ix.0].transfers[side].took(self.now, &frame);
        }
        self.wake_keeper(ix);
    }

    /// Offers a frame to the routes that the group names, in turn. False if none took it.
    fn send(&mut self, ix: SessionIx, side: usize, frame: &[u8]) -> bool {
        let Session { plan, groups, .. } = &mut self.sessions[ix.0];
        let node = plan.ends[side];
        let (cost, direction) = (credit_cost(frame.len() + STAMP), Direction::from_side(side));
        let forwarder = &self.nodes[node.0].forwarder;
        let choice = groups[side].choose(self.now, cost, |key| forwarder.backlog(key));
        let shared = choice.shared;
        for key in choice {
            let Some(RouteEnd { route, .. }) = self.nodes[node.0].ends.get(&key).copied() else { continue };
            let payload = self.deliveries.stamp(route, direction, frame);
            let result = self.nodes[node.0].forwarder.send(self.now, key, payload.clone());
            self.touch(node);
            if result.is_ok() {
                self.deliveries.sent(self.now, route, direction, &payload);
                if shared {
                    self.sessions[ix.0].groups[side].sent(key, cost);
                }
                return true;
            }
        }
        false
    }

    /// A route has something for the end of a session, or the end now reads.
    pub(super) fn readable(&mut self, node: NodeIx, key: RouteKey) {
        let Some(end) = self.nodes[node.0].ends.get(&key) else { return };
        let session = &self.sessions[end.session.0];
        let reader = if session.life == end.life { session.readers[end.side] } else { Reader::Prompt };
        match reader {
            Reader::Prompt => self.read(node, key, RECEIVE_BATCH),
            Reader::Slow(pause) => {
                let life = self.nodes[node.0].life;
                self.plan(pause, Happening::Read { node, life, key });
            }
            Reader::Dead => {}
        }
    }

    pub(super) fn slow_read(&mut self, node: NodeIx, life: u64, key: RouteKey) {
        if self.nodes[node.0].life == life {
            self.read(node, key, 1);
        }
    }

    fn read(&mut self, node: NodeIx, key: RouteKey, most: usize) {
        let Some(RouteEnd { route, session: ix, life, side }) = self.nodes[node.0].ends.get(&key).copied()
        else {
            return;
        };
        let mut payloads = Vec::new();
        self.nodes[node.0].forwarder.receive(self.now, key, most, &mut payloads);
        self.touch(node);
        if self.sessions[ix.0].life == life && !payloads.is_empty() {
            let bytes = payloads.iter().map(bytes::Bytes::len).sum();
            self.sessions[ix.0].groups[side].received(self.now, key, bytes);
        }
        for payload in payloads {
            let direction = Direction::from_side(1 - side);
            let sent_at = match self.deliveries.delivered(route, direction, &payload) {
                Ok(sent_at) => sent_at,
                Err(breach) => return self.fail(breach),
            };
            self.trace.note(self.now, "read", &[node.into(), payload.len() as u64], &payload[..STAMP]);
            let session = &mut self.sessions[ix.0];
            if session.life != life {
                continue;
            }
            if side == 1 {
                session.times.add(self.now - sent_at);
            }
            if session.transfers[side].handle(self.now, &payload[STAMP..]).is_err() {
                let what = "of another session";
                return self.fail(Breach::NeverSent { route, what });
            }
            if session.done_at.is_none() && session.is_done() {
                session.done_at = Some(self.now);
            }
        }
        if self.sessions[ix.0].life == life {
            self.push(ix, side);
        }
    }

    /// Changes how an end reads; what waits is read if it does again.
    pub(crate) fn set_reader(&mut self, ix: SessionIx, side: usize, reader: Reader) {
        self.trace.note(self.now, "reader", &[ix.into(), side as u64], &[]);
        let session = &mut self.sessions[ix.0];
        let before = std::mem::replace(&mut session.readers[side], reader);
        if before == Reader::Dead && reader != Reader::Dead {
            let node = session.plan.ends[side];
            let keys: Vec<_> = session.groups[side].keys().collect();
            for key in keys {
                self.readable(node, key);
                self.read_datagrams(node, key);
            }
        }
    }

    /// Gives the source more to send.
    pub(crate) fn offer(&mut self, ix: SessionIx, bytes: u64) {
        let session = &mut self.sessions[ix.0];
        session.plan.bytes[0] += bytes;
        session.transfers[0].offer(bytes);
        session.done_at = None;
        self.push(ix, 0);
    }

    /// The source closes the session: its routes end behind what waits in them.
    pub(crate) fn close(&mut self, ix: SessionIx) {
        self.sessions[ix.0].closed = true;
        self.close_routes(ix);
    }

    fn close_routes(&mut self, ix: SessionIx) {
        for side in [0, 1] {
            let session = &self.sessions[ix.0];
            // The destination only closes what the source does not know.
            let closes = side == 0 || session.groups[0].is_empty();
            let node = session.plan.ends[side];
            let keys: Vec<_> = session.groups[side].keys().filter(|_| closes).collect();
            for key in keys {
                self.nodes[node.0].forwarder.close(key);
                if let Some(end) = self.nodes[node.0].ends.get(&key)
                    && let Some(record) = self.registry.get_mut(&end.route)
                {
                    record.closed_by[side] = true;
                }
            }
            self.touch(node);
        }
    }
}
