//! The ends of routes: what sessions of this node send and receive.

use bytes::{BufMut, Bytes, BytesMut};
use byway_base::Moment;
use byway_wire::{Kind, Reason, packet::FLAG_PROBE};

use super::Forwarder;
use crate::{
    Wake,
    flow::{End, Queued, credit_cost},
    signal::RouteKey,
};

/// Credit cost of packets that a local sender may have waiting at one route, bytes. Enough to fill a transport's batch
/// while the session prepares the next, and little enough not to delay what the session sends after a switch.
const LOCAL_QUEUE: usize = 384 * 1024;

/// Why a session's packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The route's queue is full; [`Wake::Writable`] follows.
    #[error("the route is full")]
    Full,
    /// The route is gone.
    #[error("the route is gone")]
    Gone,
}

impl Forwarder {
    /// Queues a session packet on a route that begins or ends here.
    ///
    /// # Errors
    /// [`SendError`]; the packet was not taken.
    pub fn send(&mut self, now: Moment, key: RouteKey, payload: Bytes) -> Result<(), SendError> {
        let outbound = self.local_flow(key, true).ok_or(SendError::Gone)?;
        self.mark_used(key.index as usize, now);
        let flow = &mut self.flows[outbound];
        if flow.ending.is_some() {
            return Err(SendError::Gone);
        }
        if flow.queued() + credit_cost(payload.len()) > LOCAL_QUEUE {
            flow.sender_waits = true;
            return Err(SendError::Full);
        }
        flow.push(Queued { kind: Kind::Data, flags: 0, payload });
        if let End::Transport { slot, .. } = flow.output {
            self.list_flow(outbound, slot);
        }
        Ok(())
    }

    /// Takes up to `max` packets that arrived over a route that begins or ends here. False if the route is gone.
    pub fn receive(&mut self, key: RouteKey, max: usize, out: &mut Vec<Bytes>) -> bool {
        let Some(inbound) = self.local_flow(key, false) else { return false };
        let flow = &mut self.flows[inbound];
        flow.reader_woken = false;
        for _ in 0..max {
            let Some(packet) = flow.pop() else { break };
            out.push(packet.payload);
        }
        let more = !flow.is_empty();
        flow.reader_woken = more;
        let ended = (!more).then(|| flow.ending.take()).flatten();
        if more {
            self.signals.wake(Wake::Readable(key));
        }
        self.grant_upstream(inbound);
        if let Some(reason) = ended {
            let route = self.flows[inbound].route;
            let from = match self.flows[inbound].input {
                End::Transport { slot, .. } => Some(slot),
                End::Local => None,
            };
            self.end_route_except(route, reason, from);
        }
        true
    }

    /// Sends a probe; [`crate::Event::ProbeAnswered`] follows if the other end lives.
    pub fn send_probe(&mut self, key: RouteKey, token: u64) {
        if let Some(outbound) = self.local_flow(key, true) {
            self.queue_probe(outbound, 0, token);
        }
    }

    /// Ends a route from this end: what waits is sent first, then close.
    pub fn close(&mut self, key: RouteKey) {
        let Some(outbound) = self.local_flow(key, true) else { return };
        let flow = &mut self.flows[outbound];
        flow.ending = Some(Reason::Closed);
        if let End::Transport { slot, .. } = flow.output {
            self.list_flow(outbound, slot);
        }
    }

    /// A probe goes behind what waits, so that it measures what data meets; it is dropped where nothing more fits.
    pub(super) fn queue_probe(&mut self, key: usize, direction: u8, token: u64) {
        let mut payload = BytesMut::with_capacity(9);
        payload.put_u8(direction);
        payload.put_u64(token);
        let flow = &mut self.flows[key];
        if flow.queued() > LOCAL_QUEUE {
            return;
        }
        flow.push(Queued { kind: Kind::Data, flags: FLAG_PROBE, payload: payload.freeze() });
        if let End::Transport { slot, .. } = flow.output {
            self.list_flow(key, slot);
        }
    }

    pub(super) fn wake_local_sender(&mut self, key: usize) {
        let flow = &mut self.flows[key];
        if flow.sender_waits && flow.queued() <= LOCAL_QUEUE / 2 {
            flow.sender_waits = false;
            let index = flow.route;
            let generation = self.routes[index].generation;
            self.signals.wake(Wake::Writable(RouteKey { index: index as u32, generation }));
        }
    }

    /// The flow of a route that a local session writes (`outbound`) or reads.
    fn local_flow(&self, key: RouteKey, outbound: bool) -> Option<usize> {
        let route = self.routes.get(key.index as usize).filter(|r| r.generation == key.generation)?;
        let is_local = |flow: &usize| {
            let flow = &self.flows[*flow];
            (if outbound { flow.input } else { flow.output }) == End::Local
        };
        [route.forward, route.backward].into_iter().find(is_local)
    }
}
