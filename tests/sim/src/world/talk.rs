//! What passes between the ends of sessions and their routes.

use byway_routing::{RouteKey, credit_cost};

use super::{
    Happening, NodeIx, SessionIx, World,
    node::RouteEnd,
    session::{Reader, Session},
};
use crate::{
    breach::Breach,
    checks::{Direction, STAMP},
};

/// Packets taken from a route at once.
const RECEIVE_BATCH: usize = 32;

impl World {
    /// Lets an end work, and sends what it has and the active routes take.
    pub(super) fn push(&mut self, ix: SessionIx, side: usize) {
        let now = self.now;
        let session = &mut self.sessions[ix.0];
        if !self.nodes[session.plan.ends[side].0].alive {
            return;
        }
        let streams = |session: &Session| {
            let streams = session.ends[side].streams();
            [ix.into(), side as u64, streams.written(), streams.received()]
        };
        let before = streams(session);
        if let Err(fault) = session.ends[side].work()
            && !session.closed
        {
            let what = fault.to_string();
            return self.fail(Breach::Session { session: ix.0, side, what });
        }
        let after = streams(session);
        if before != after {
            self.trace.note(now, "streams", &after, &[]);
        }
        while let Some(packet) = self.sessions[ix.0].ends[side].next_packet(now) {
            if !self.send(ix, side, &packet) {
                self.sessions[ix.0].ends[side].put_back(packet);
                break;
            }
        }
        self.arm_end(ix, side);
        self.wake_keeper(ix);
    }

    /// Plans the next look at an end.
    fn arm_end(&mut self, ix: SessionIx, side: usize) {
        let session = &mut self.sessions[ix.0];
        let Some(due) = session.ends[side].poll_timeout().map(|due| due.max(self.now)) else { return };
        if session.armed[side].is_none_or(|armed| due < armed) {
            session.armed[side] = Some(due);
            let life = session.life;
            self.plan_at(due, Happening::End { session: ix, life, side });
        }
    }

    /// An end is due, unless something made it due at another time since.
    pub(super) fn end_timer(&mut self, ix: SessionIx, life: u64, side: usize) {
        let session = &mut self.sessions[ix.0];
        if session.life != life || session.armed[side] != Some(self.now) {
            return;
        }
        session.armed[side] = None;
        session.ends[side].handle_timeout(self.now);
        self.trace.note(self.now, "end", &[ix.into(), side as u64], &[]);
        self.push(ix, side);
    }

    /// Offers a packet to the routes that the group names, in turn. False if none took it.
    fn send(&mut self, ix: SessionIx, side: usize, packet: &[u8]) -> bool {
        let Session { plan, groups, .. } = &mut self.sessions[ix.0];
        let node = plan.ends[side];
        let (cost, direction) = (credit_cost(packet.len() + STAMP), Direction::from_side(side));
        let forwarder = &self.nodes[node.0].forwarder;
        let choice = groups[side].choose(self.now, cost, |key| forwarder.backlog(key));
        let shared = choice.shared;
        for key in choice {
            let Some(RouteEnd { route, .. }) = self.nodes[node.0].ends.get(&key).copied() else { continue };
            let payload = self.deliveries.stamp(route, direction, packet);
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
        match self.sessions[end.session.0].readers[end.side] {
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
            session.ends[side].handle(self.now, &payload[STAMP..]);
        }
        if self.sessions[ix.0].life == life {
            self.push(ix, side);
        }
    }

    /// The app at an end reads one of its streams from now on, or, for a time, does not.
    pub(crate) fn set_app(&mut self, ix: SessionIx, side: usize, stream: usize, reads: bool) {
        self.trace.note(self.now, "app", &[ix.into(), side as u64, stream as u64, reads.into()], &[]);
        self.sessions[ix.0].ends[side].streams_mut().set_reads(stream, reads);
        self.push(ix, side);
    }
}
