//! Traces: per-hop diagnosis along a route, and the answers to probes and traces.

use bytes::Bytes;
use byway_base::Moment;
use byway_wire::{Kind, Packet, packet::FLAG_ANSWER};

use super::Forwarder;
use crate::{
    Event,
    flow::{End, Queued},
    signal::RouteKey,
};

impl Forwarder {
    /// Asks the node `hops` hops ahead on a route that begins or ends here, the far end at most, to answer with `token`;
    /// [`Event::TraceAnswered`] follows if the path holds until there. 1 asks the neighbour.
    pub fn send_trace(&mut self, now: Moment, key: RouteKey, hops: u8, token: u64) {
        let Some(outbound) = self.local_flow(key, true) else { return };
        self.mark_used(key.index as usize, now);
        self.expect_answer(key.index as usize);
        self.queue_trace(outbound, 0, hops.saturating_sub(1), token);
    }

    /// A trace goes on until its count ends, an answer until the end that asked.
    pub(super) fn handle_trace(&mut self, now: Moment, from: usize, packet: &Packet) {
        let Some(&key) = self.links[from].incoming.get(&packet.routing_id) else {
            self.counters.stray_control += 1;
            return;
        };
        let Some((hops, token)) = packet.trace() else { return };
        let (index, output) = (self.flows[key].route, self.flows[key].output);
        self.mark_used(index, now);
        match (packet.flags == FLAG_ANSWER, output) {
            (true, End::Local) => {
                if let Some(key) = self.accept_answer(index) {
                    self.signals.event(Event::TraceAnswered { key, token });
                }
            }
            (true, End::Transport { .. }) => self.queue_trace(key, FLAG_ANSWER, hops, token),
            (false, End::Transport { .. }) if hops > 0 => self.queue_trace(key, 0, hops - 1, token),
            (false, _) => self.queue_trace(self.opposite(key), FLAG_ANSWER, hops, token),
        }
    }

    fn queue_trace(&mut self, key: usize, flags: u8, hops: u8, token: u64) {
        let mut payload = [hops; 9];
        payload[1..].copy_from_slice(&token.to_be_bytes());
        self.queue_own(key, Queued { kind: Kind::Trace, flags, payload: Bytes::copy_from_slice(&payload) });
    }

    /// The flow of the same route that goes the other way.
    pub(super) fn opposite(&self, key: usize) -> usize {
        let route = &self.routes[self.flows[key].route];
        if route.forward == key { route.backward } else { route.forward }
    }

    /// A probe or trace goes out on a route that ends here.
    pub(super) fn expect_answer(&mut self, index: usize) {
        let asked = &mut self.routes[index].asked;
        *asked = asked.saturating_add(1);
    }

    /// The route's key if an answer is expected on it: whoever is at the other end cannot make events at will.
    pub(super) fn accept_answer(&mut self, index: usize) -> Option<RouteKey> {
        let route = &mut self.routes[index];
        let Some(left) = route.asked.checked_sub(1) else {
            self.counters.stray_control += 1;
            return None;
        };
        route.asked = left;
        Some(RouteKey { index: index as u32, generation: route.generation })
    }
}
