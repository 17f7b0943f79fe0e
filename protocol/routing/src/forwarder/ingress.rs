//! What arrives from transports.

use byway_base::Moment;
use byway_wire::{Kind, Packet, Reason, packet::FLAG_PROBE};

use super::Forwarder;
use crate::{
    Event, Outgoing, TransportSlot, Wake,
    flow::{End, Queued},
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
        link.last_heard = now;
        link.received_bytes += packets.iter().map(|packet| packet.encoded_len() as u64).sum::<u64>();
        for packet in packets.drain(..) {
            match packet.kind {
                Kind::Data | Kind::Datagram => self.handle_payload(now, from.0, packet),
                Kind::Credit => self.handle_credit(from.0, &packet),
                Kind::Close => self.handle_close(from.0, &packet),
                Kind::Fault => self.handle_fault(from.0, &packet),
                Kind::Ping => {
                    let token = packet.token().unwrap_or_default();
                    self.send_control(from.0, Outgoing::liveness(Kind::Pong, token));
                }
                Kind::Pong => self.handle_pong(now, from, &packet),
                Kind::Trace => self.counters.unhandled += 1,
            }
        }
    }

    fn handle_payload(&mut self, now: Moment, from: usize, packet: Packet) {
        let Some(&key) = self.links[from].incoming.get(&packet.routing_id) else {
            self.counters.no_rule += 1;
            self.send_control(from, Outgoing::ending(Kind::Fault, packet.routing_id, Reason::NoRule));
            return;
        };
        let flow = &mut self.flows[key];
        let (route, output) = (flow.route, flow.output);
        if packet.kind == Kind::Data && !flow.spend_allowance(packet.payload.len()) {
            self.counters.overruns += 1;
            self.end_route(route, Reason::Overrun);
            return;
        }
        self.mark_used(route, now);
        let Packet { kind, flags, payload, .. } = packet;
        if output == End::Local && flags & FLAG_PROBE != 0 {
            self.answer_probe(key, &payload);
            return;
        }
        if !self.flows[key].push(Queued { kind, flags, payload }) {
            self.counters.datagrams_dropped += 1;
            return;
        }
        match output {
            End::Transport { slot, .. } => self.list_flow(key, slot),
            End::Local => self.wake_reader(key),
        }
    }

    fn wake_reader(&mut self, key: usize) {
        let flow = &mut self.flows[key];
        if !std::mem::replace(&mut flow.reader_woken, true) {
            let index = flow.route;
            let generation = self.routes[index].generation;
            self.signals.wake(Wake::Readable(RouteKey { index: index as u32, generation }));
        }
    }

    /// A probe ends here: it is echoed by the flow that goes the other way, or was our own and is an event.
    fn answer_probe(&mut self, key: usize, payload: &[u8]) {
        let index = self.flows[key].route;
        let Some((&direction, token)) = payload.split_first() else { return };
        let Ok(token) = token.try_into().map(u64::from_be_bytes) else { return };
        let route = &self.routes[index];
        let route_key = RouteKey { index: index as u32, generation: route.generation };
        let reply = if route.forward == key { route.backward } else { route.forward };
        // A probe takes no place in the queue of the reader, so its cost is passed on at once.
        self.flows[key].pass_through(payload.len());
        self.grant_upstream(key);
        if direction == 0 {
            self.queue_probe(reply, 1, token);
        } else {
            self.signals.event(Event::ProbeAnswered { key: route_key, token });
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

    /// The sender of a flow will send no more. What it sent before still goes on.
    fn handle_close(&mut self, from: usize, packet: &Packet) {
        let Some(&key) = self.links[from].incoming.get(&packet.routing_id) else {
            self.counters.stray_control += 1;
            return;
        };
        let reason = packet.reason().unwrap_or(Reason::Closed);
        let flow = &mut self.flows[key];
        match flow.output {
            End::Transport { slot, .. } if reason == Reason::Closed => {
                flow.ending = Some(reason);
                self.list_flow(key, slot);
            }
            End::Local if reason == Reason::Closed && !flow.is_empty() => {
                flow.ending = Some(reason);
                self.wake_reader(key);
            }
            _ => {
                let route = flow.route;
                self.end_route_except(route, reason, Some(from));
            }
        }
    }

    fn handle_fault(&mut self, from: usize, packet: &Packet) {
        let Some(&key) = self.links[from].outgoing.get(&packet.routing_id) else {
            self.counters.stray_control += 1;
            return;
        };
        let route = self.flows[key].route;
        self.end_route_except(route, packet.reason().unwrap_or(Reason::Closed), Some(from));
    }

    fn handle_pong(&mut self, now: Moment, from: TransportSlot, packet: &Packet) {
        let token = packet.token().unwrap_or_default();
        if let Some(rtt) = self.links[from.0].end_ping(now, token) {
            self.signals.event(Event::RoundTrip { slot: from, rtt });
        }
    }
}
