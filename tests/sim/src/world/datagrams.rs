//! Datagrams of sessions: a few now and then, over the active route, beside the transfer.

use byway_routing::RouteKey;

use super::{NodeIx, Reader, SessionIx, World, node::RouteEnd};
use crate::{checks::Direction, pattern};

/// Sent by each end whenever its session is looked after.
const BURST: usize = 4;
/// Longest content, bytes.
const LENGTH_MAX: usize = 1_400;
/// Taken from a route at once.
const RECEIVE_BATCH: usize = 32;

impl World {
    /// Sends some datagrams from one end of a session, if it sends any.
    pub(super) fn send_datagrams(&mut self, ix: SessionIx, side: usize) {
        let session = &self.sessions[ix.0];
        let node = session.plan.ends[side];
        let active = session.groups[side].active().filter(|_| session.plan.datagrams && !session.closed);
        let Some(key) = active else { return };
        let Some(RouteEnd { route, .. }) = self.nodes[node.0].ends.get(&key).copied() else { return };
        let direction = Direction::from_side(side);
        for _ in 0..self.dice.below(BURST + 1) {
            let (offset, length) = (self.dice.roll() >> 1, self.dice.below(LENGTH_MAX));
            let payload = self.datagrams.stamp(route, direction, pattern::part(ix.into(), offset, length));
            let taken = self.nodes[node.0].forwarder.send_datagram(self.now, key, payload.clone());
            if taken.is_ok() {
                self.datagrams.sent(route, direction, &payload);
            }
        }
        self.touch(node);
    }

    /// A route has datagrams for the end of a session.
    pub(super) fn read_datagrams(&mut self, node: NodeIx, key: RouteKey) {
        let Some(RouteEnd { route, session, side, .. }) = self.nodes[node.0].ends.get(&key).copied() else {
            return;
        };
        if self.sessions[session.0].readers[side] == Reader::Dead {
            return;
        }
        let mut payloads = Vec::new();
        self.nodes[node.0].forwarder.receive_datagrams(key, RECEIVE_BATCH, &mut payloads);
        self.touch(node);
        for payload in payloads {
            self.trace.note(self.now, "datagram", &[node.into(), payload.len() as u64], &[]);
            let checked = self.datagrams.delivered(route, Direction::from_side(1 - side), &payload);
            checked.unwrap_or_else(|breach| self.fail(breach));
        }
    }
}
