//! A session: at each end a route group, and the end of the QUIC connection that runs over it.

use std::time::Duration;

use byway_base::{Moment, Port, RouteId, limits::REDIAL_MIN};
use byway_net::Identity;
use byway_routing::{Cause, GroupRole, RouteGroup, RouteKey};
use byway_wire::Reason;

use super::{Happening, LinkIx, NodeIx, SessionIx, World, keep::Attempt, node::RouteEnd};
use crate::{
    checks::{STAMP, Times},
    end::{End, Start, Streams},
};

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
    /// Largest payload of a packet, bytes; QUIC's least is 1 200.
    pub(crate) packet: usize,
    /// Streams that share the bytes.
    pub(crate) streams: usize,
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
    /// `bytes` from source to destination on one stream over two routes, in the packets of sessions.
    pub(crate) fn new(from: NodeIx, to: NodeIx, bytes: u64) -> Self {
        Self {
            ends: [from, to],
            bytes: [bytes, 0],
            packet: byway_base::limits::SESSION_MTU,
            streams: 1,
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
    pub(crate) ends: [End; 2],
    /// When each end is looked at next.
    pub(super) armed: [Option<Moment>; 2],
    pub(crate) readers: [Reader; 2],
    pub(super) attempt: Option<Attempt>,
    pub(super) retry_at: Moment,
    pub(super) pause: Duration,
    pub(crate) closed: bool,
    /// Times that packets took to the destination's reader.
    pub(crate) times: Times,
    /// Why routes of its source were left, in order.
    pub(crate) left: Vec<Reason>,
    /// When the keeper looks next.
    pub(super) tick_at: Moment,
}

impl Session {
    fn new(ix: SessionIx, plan: Plan, life: u64, now: Moment) -> Self {
        let salt = ix.0 as u64 + (life << 32);
        let readers = plan.readers;
        Self {
            life,
            // Ports are counted up, so that no two lives of a node's sessions share one.
            port: Port(EPHEMERAL.wrapping_add(((ix.0 as u64 + life * 997) % 16_000) as u16)),
            groups: [GroupRole::Source, GroupRole::Destination]
                .map(|role| RouteGroup::new(role, plan.stripes)),
            ends: [0, 1].map(|side| End::new(Streams::new(salt, side, plan.streams, plan.bytes[side]))),
            armed: [None; 2],
            readers,
            attempt: None,
            retry_at: now,
            pause: Duration::ZERO,
            closed: false,
            times: Times::default(),
            left: Vec::new(),
            tick_at: now,
            plan,
        }
    }

    /// Bytes that the app at an end has read.
    pub(crate) fn received(&self, side: usize) -> u64 {
        self.ends[side].streams().received()
    }

    /// Whether all streams stand and all bytes came.
    pub(crate) fn is_done(&self) -> bool {
        let done = |side: usize| {
            self.ends[side].streams().are_open() && self.received(side) == self.plan.bytes[1 - side]
        };
        done(0) && done(1)
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

    /// The source's dial failed, as it does when the destination's node takes nothing for too long: it dials anew.
    pub(super) fn dial_again(&mut self, ix: SessionIx) {
        self.trace.note(self.now, "dial again", &[ix.into()], &[]);
        let session = &self.sessions[ix.0];
        let (source, port) = (session.plan.ends[0], session.port);
        if let Some(attempt) = session.attempt {
            self.gave_up(ix, attempt.route);
        }
        self.forget_port(source, port);
        self.begin_again(ix);
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
        self.start(ix, side);
        self.readable(node, key);
        self.read_datagrams(node, key);
        self.push(ix, side);
    }

    /// With its first route an end begins to speak QUIC.
    fn start(&mut self, ix: SessionIx, side: usize) {
        let session = &mut self.sessions[ix.0];
        if session.ends[side].has_started() {
            return;
        }
        let [own, peer] = [session.plan.ends[side], session.plan.ends[1 - side]];
        let start = Start {
            identity: Identity::new(self.nodes[own.0].secret.clone()),
            peer: self.nodes[peer.0].key,
            dials: side == 0,
            mtu: session.plan.packet - STAMP,
            seed: self.dice.key(),
        };
        session.ends[side].start(self.now, start);
    }

    /// A route of a session is gone at one end.
    pub(super) fn detach(&mut self, end: RouteEnd, key: RouteKey, cause: Cause) {
        let RouteEnd { session: ix, life, side, .. } = end;
        let session = &mut self.sessions[ix.0];
        if session.life != life {
            return;
        }
        session.groups[side].route_ended(key, cause);
        if session.plan.patience > REDIAL_MIN {
            session.retry_at = self.now + session.plan.patience;
        }
        self.push(ix, side);
        self.keep(ix);
    }

    /// Changes how an end reads; what waits is read if it does again.
    pub(crate) fn set_reader(&mut self, ix: SessionIx, side: usize, reader: Reader) {
        self.trace.note(self.now, "reader", &[ix.into(), side as u64], &[]);
        let session = &mut self.sessions[ix.0];
        let before = std::mem::replace(&mut session.readers[side], reader);
        if before == Reader::Dead && reader != Reader::Dead {
            let node = session.plan.ends[side];
            // Those of former lives too: what waits there holds their end up.
            let own = |end: &RouteEnd| end.session == ix && end.side == side;
            let ends = self.nodes[node.0].ends.iter().filter(|(_, end)| own(end));
            let keys: Vec<_> = ends.map(|(key, _)| *key).collect();
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
        session.ends[0].streams_mut().offer(bytes);
        self.push(ix, 0);
    }

    /// The source closes the session: its routes end behind its goodbye and what else waits in them.
    pub(crate) fn close(&mut self, ix: SessionIx) {
        let session = &mut self.sessions[ix.0];
        session.closed = true;
        session.ends[0].close(self.now);
        self.push(ix, 0);
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
