//! The ends of routes: what sessions of this node send and receive.

use bytes::Bytes;
use byway_base::{Moment, limits::LOCAL_QUEUE};
use byway_wire::{
    Kind, Reason,
    packet::{FLAG_PROBE, PROBE_BYTES},
};

use super::Forwarder;
use crate::{
    Wake,
    flow::{End, Queued},
    signal::RouteKey,
};

/// Why a session's packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The route's queue is full; [`Wake::Writable`] follows for data, and a datagram is lost.
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
        if !flow.has_room(payload.len()) {
            flow.sender_waits = true;
            flow.window.blocked();
            return Err(SendError::Full);
        }
        self.queue_own(outbound, Queued { kind: Kind::Data, flags: 0, payload });
        Ok(())
    }

    /// Queues a datagram on a route that begins or ends here. It may be lost anywhere, and goes ahead of the route's
    /// data, within the route's share of each transport.
    ///
    /// # Errors
    /// [`SendError`]; the datagram was not taken.
    pub fn send_datagram(&mut self, now: Moment, key: RouteKey, payload: Bytes) -> Result<(), SendError> {
        let outbound = self.local_flow(key, true).ok_or(SendError::Gone)?;
        self.mark_used(key.index as usize, now);
        if self.flows[outbound].ending.is_some() {
            return Err(SendError::Gone);
        }
        let taken = self.queue_own(outbound, Queued { kind: Kind::Datagram, flags: 0, payload });
        if taken { Ok(()) } else { Err(SendError::Full) }
    }

    /// Takes up to `max` packets of data that arrived over a route that begins or ends here. False if the route is gone.
    pub fn receive(&mut self, now: Moment, key: RouteKey, max: usize, out: &mut Vec<Bytes>) -> bool {
        let Some(inbound) = self.local_flow(key, false) else { return false };
        let flow = &mut self.flows[inbound];
        let held = flow.held();
        out.extend((0..max).map_while(|_| flow.pop_data()).map(|packet| packet.payload));
        self.held -= held - flow.held();
        flow.reader_woken = flow.has_data();
        if flow.reader_woken {
            self.signals.wake(Wake::Readable(key));
        }
        self.served(now, inbound);
        self.end_if_drained(inbound);
        true
    }

    /// Takes up to `max` datagrams that arrived over a route that begins or ends here. False if the route is gone.
    pub fn receive_datagrams(&mut self, key: RouteKey, max: usize, out: &mut Vec<Bytes>) -> bool {
        let Some(inbound) = self.local_flow(key, false) else { return false };
        let flow = &mut self.flows[inbound];
        let held = flow.held();
        out.extend((0..max).map_while(|_| flow.pop_datagram()).map(|packet| packet.payload));
        self.held -= held - flow.held();
        flow.datagram_reader_woken = flow.has_datagrams();
        if flow.datagram_reader_woken {
            self.signals.wake(Wake::Datagrams(key));
        }
        self.end_if_drained(inbound);
        true
    }

    fn end_if_drained(&mut self, inbound: usize) {
        let flow = &self.flows[inbound];
        if let Some((reason, distance)) = flow.ending
            && !flow.has_data()
        {
            let from = match flow.input {
                End::Transport { slot, .. } => Some(slot),
                End::Local => None,
            };
            self.end_route_except(flow.route, reason, distance, from);
        }
    }

    /// How many bytes a local sender has waiting at a route and under way on its first hop: an estimate of what goes
    /// before the next packet. None if the route is gone.
    #[must_use]
    pub fn backlog(&self, key: RouteKey) -> Option<usize> {
        self.local_flow(key, true).map(|outbound| self.flows[outbound].backlog())
    }

    /// Sends a probe; [`crate::Event::ProbeAnswered`] follows if the other end lives.
    pub fn send_probe(&mut self, key: RouteKey, token: u64) {
        if let Some(outbound) = self.local_flow(key, true) {
            self.expect_answer(key.index as usize);
            self.queue_probe(outbound, 0, token);
        }
    }

    /// Ends a route from this end: what waits is sent first, then close.
    pub fn close(&mut self, key: RouteKey) {
        let Some(outbound) = self.local_flow(key, true) else { return };
        let flow = &mut self.flows[outbound];
        flow.ending = Some((Reason::Closed, 0));
        if let End::Transport { slot, .. } = flow.output {
            self.list_flow(outbound, slot);
        }
    }

    /// A probe is dropped where nothing more fits.
    pub(super) fn queue_probe(&mut self, key: usize, direction: u8, token: u64) {
        let mut payload = [direction; PROBE_BYTES];
        payload[1..].copy_from_slice(&token.to_be_bytes());
        if self.flows[key].waiting() > 2 * LOCAL_QUEUE {
            return;
        }
        let payload = Bytes::copy_from_slice(&payload);
        self.queue_own(key, Queued { kind: Kind::Data, flags: FLAG_PROBE, payload });
    }

    /// Queues what this node itself sends on a flow. False if it is a datagram and was dropped.
    pub(super) fn queue_own(&mut self, key: usize, packet: Queued) -> bool {
        let flow = &mut self.flows[key];
        let held = flow.held();
        if !flow.push_local(packet) {
            self.counters.datagrams_dropped += 1;
            return false;
        }
        self.held += flow.held() - held;
        if let End::Transport { slot, .. } = flow.output {
            self.list_flow(key, slot);
        }
        true
    }

    pub(super) fn wake_local_sender(&mut self, key: usize) {
        let flow = &mut self.flows[key];
        if flow.sender_waits && flow.is_half_empty() {
            flow.sender_waits = false;
            let index = flow.route;
            let generation = self.routes[index].generation;
            self.signals.wake(Wake::Writable(RouteKey { index: index as u32, generation }));
        }
    }

    /// The flow of a route that a local session writes (`outbound`) or reads.
    pub(super) fn local_flow(&self, key: RouteKey, outbound: bool) -> Option<usize> {
        let route = self.routes.get(key.index as usize).filter(|r| r.generation == key.generation)?;
        let is_local = |flow: &usize| {
            let flow = &self.flows[*flow];
            (if outbound { flow.input } else { flow.output }) == End::Local
        };
        [route.forward, route.backward].into_iter().find(is_local)
    }
}
