//! What arrives from transports.

use byway_base::Moment;
use byway_wire::{
    Kind, Packet, Reason,
    packet::{FLAG_BLOCKED, FLAG_PROBE, FLAG_RETURN},
};

use super::Forwarder;
use crate::{
    Event, Outgoing, TransportSlot, Wake,
    flow::{End, Queued, credit_cost},
    signal::RouteKey,
};

impl Forwarder {
    /// Takes the packets that a transport received, in order, leaving `packets` empty.
    ///
    /// Packets under a label that has no rule on *this* transport are answered by a fault and counted, whatever rules
    /// exist elsewhere.
    pub fn handle_packets(&mut self, now: Moment, from: TransportSlot, packets: &mut Vec<Packet>) {
        let Some(link) = self.links.get_mut(from.0) else {
            packets.clear();
            return;
        };
        self.batch += 1;
        link.last_heard = now;
        link.received_bytes += packets.iter().map(|packet| packet.encoded_len() as u64).sum::<u64>();
        for packet in packets.drain(..) {
            match packet.kind {
                Kind::Data | Kind::Datagram => self.handle_payload(now, from.0, packet),
                Kind::Credit if packet.flags == FLAG_RETURN => self.handle_return(now, from.0, &packet),
                Kind::Credit => self.handle_credit(from.0, &packet),
                Kind::Close => self.handle_close(from.0, &packet),
                Kind::Fault => self.handle_fault(from.0, &packet),
                Kind::Ping => {
                    let token = packet.token().unwrap_or_default();
                    self.send_control(from.0, Outgoing::liveness(Kind::Pong, token));
                }
                Kind::Pong => self.handle_pong(now, from, &packet),
                Kind::Trace => self.handle_trace(now, from.0, &packet),
            }
        }
        self.shed();
    }

    fn handle_payload(&mut self, now: Moment, from: usize, packet: Packet) {
        let Some(&key) = self.links[from].incoming.get(&packet.routing_id) else {
            self.counters.no_rule += 1;
            self.send_control(from, Outgoing::ending(Kind::Fault, packet.routing_id, Reason::NoRule, 0));
            return;
        };
        let flow = &mut self.flows[key];
        if flow.ending.is_some() {
            // Its sender said that no more follows.
            self.counters.no_rule += 1;
            return;
        }
        let (route, output) = (flow.route, flow.output);
        if packet.kind == Kind::Data && !flow.spend_allowance(packet.payload.len()) {
            self.counters.overruns += 1;
            self.end_route(route, Reason::Overrun);
            return;
        }
        self.mark_used(route, now);
        let Packet { kind, mut flags, payload, .. } = packet;
        if kind == Kind::Data && flags & FLAG_BLOCKED != 0 {
            self.flows[key].sender_was_blocked(now);
            flags &= !FLAG_BLOCKED;
        }
        if output == End::Local && flags & FLAG_PROBE != 0 {
            self.answer_probe(now, key, &payload);
            return;
        }
        let length = payload.len();
        if !self.flows[key].push(Queued { kind, flags, payload }, self.batch) {
            self.counters.datagrams_dropped += 1;
            return;
        }
        self.held += credit_cost(length);
        match output {
            End::Transport { slot, .. } => self.list_flow(key, slot),
            End::Local => self.wake_reader(key, kind),
        }
    }

    fn wake_reader(&mut self, key: usize, kind: Kind) {
        let flow = &mut self.flows[key];
        let index = flow.route;
        let route = RouteKey { index: index as u32, generation: self.routes[index].generation };
        let (woken, wake) = match kind {
            Kind::Datagram => (&mut flow.datagram_reader_woken, Wake::Datagrams(route)),
            _ => (&mut flow.reader_woken, Wake::Readable(route)),
        };
        if !std::mem::replace(woken, true) {
            self.signals.wake(wake);
        }
    }

    /// A probe ends here: it is echoed by the flow that goes the other way, or was our own and is an event.
    fn answer_probe(&mut self, now: Moment, key: usize, payload: &[u8]) {
        let Some((&direction, token)) = payload.split_first() else { return };
        let Ok(token) = token.try_into().map(u64::from_be_bytes) else { return };
        // A probe takes no place in the queue of the reader, so that what it cost is granted like what was read.
        self.served(now, key);
        if direction == 0 {
            self.queue_probe(self.opposite(key), 1, token);
        } else if let Some(route) = self.accept_answer(self.flows[key].route) {
            self.signals.event(Event::ProbeAnswered { key: route, token });
        }
    }

    fn handle_credit(&mut self, from: usize, packet: &Packet) {
        let Some(&key) = self.links[from].outgoing.get(&packet.routing_id) else {
            self.counters.stray_control += 1;
            return;
        };
        self.flows[key].grant(packet.granted().unwrap_or_default());
        self.list_flow(key, from);
    }

    fn handle_return(&mut self, now: Moment, from: usize, packet: &Packet) {
        match self.links[from].incoming.get(&packet.routing_id) {
            Some(&key) => self.take_back(now, key, packet.granted().unwrap_or_default()),
            None => self.counters.stray_control += 1,
        }
    }

    /// The sender of a flow will send no more. What it sent before still goes on.
    fn handle_close(&mut self, from: usize, packet: &Packet) {
        let Some(&key) = self.links[from].incoming.get(&packet.routing_id) else {
            self.counters.stray_control += 1;
            return;
        };
        let (reason, distance) = ending(packet);
        let flow = &mut self.flows[key];
        match flow.output {
            End::Transport { slot, .. } if reason == Reason::Closed => {
                flow.ending = Some((reason, distance));
                self.list_flow(key, slot);
            }
            End::Local if reason == Reason::Closed && !flow.is_empty() => {
                flow.ending = Some((reason, distance));
                self.wake_reader(key, Kind::Data);
            }
            _ => {
                let route = flow.route;
                self.end_route_except(route, reason, distance, Some(from));
            }
        }
    }

    fn handle_fault(&mut self, from: usize, packet: &Packet) {
        let Some(&key) = self.links[from].outgoing.get(&packet.routing_id) else {
            self.counters.stray_control += 1;
            return;
        };
        let route = self.flows[key].route;
        let (reason, distance) = ending(packet);
        self.end_route_except(route, reason, distance, Some(from));
    }

    fn handle_pong(&mut self, now: Moment, from: TransportSlot, packet: &Packet) {
        let token = packet.token().unwrap_or_default();
        if let Some(rtt) = self.links[from.0].end_ping(now, token) {
            self.signals.event(Event::RoundTrip { slot: from, rtt });
        }
    }
}

/// Why a route ended, and how far from here.
fn ending(packet: &Packet) -> (Reason, u8) {
    (packet.reason().unwrap_or(Reason::Closed), packet.distance().unwrap_or_default().saturating_add(1))
}
