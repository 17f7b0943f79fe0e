//! What goes out to transports: control first, then the flows by deficit round robin (Shreedhar and Varghese, 1995).

use byway_base::{Moment, limits::FAIR_QUANTUM};
use byway_wire::Kind;

use super::Forwarder;
use crate::{Outgoing, TransportSlot, flow::End};

impl Forwarder {
    /// Takes about `budget` bytes of packets to send on a transport, appending them to `out`. At most one packet more
    /// than the budget. Returns the bytes taken; less than the budget means that there is nothing more to send, and a
    /// [`crate::Wake::Transport`] follows when that changes.
    pub fn poll_transmit(
        &mut self,
        now: Moment,
        slot: TransportSlot,
        budget: usize,
        out: &mut Vec<Outgoing>,
    ) -> usize {
        let mut taken = 0;
        let Some(link) = self.links.get_mut(slot.0) else { return 0 };
        while taken < budget
            && let Some(packet) = link.pop_control()
        {
            taken += packet.len();
            out.push(packet);
        }
        while taken < budget
            && let Some(key) = self.links[slot.0].turns.pop_front()
        {
            taken += self.take_turn(slot.0, key, budget - taken, out);
        }
        let link = &mut self.links[slot.0];
        link.sent_bytes += taken as u64;
        // What comes from here on is signalled again, unless there is more than the budget anyway.
        link.signalled = link.wants_to_send();
        self.finish_batch(now);
        taken
    }

    /// One turn of one flow. It is listed again if it could have sent more.
    fn take_turn(&mut self, slot: usize, key: usize, budget: usize, out: &mut Vec<Outgoing>) -> usize {
        let flow = &mut self.flows[key];
        let End::Transport { label, .. } = flow.output else { return 0 };
        if !std::mem::replace(&mut flow.in_turn, false) {
            flow.deficit += FAIR_QUANTUM;
        }
        let (mut taken, mut forwarded) = (0, 0);
        let from_transport = flow.input != End::Local;
        let held = flow.held();
        while let Some(len) = flow.next_len() {
            if len > flow.deficit {
                self.links[slot].turns.push_back(key);
                break;
            }
            if taken >= budget {
                flow.in_turn = true;
                self.links[slot].turns.push_front(key);
                break;
            }
            let Some(packet) = flow.pop() else { break };
            flow.deficit -= len;
            forwarded += len;
            let packet = Outgoing::payload_packet(packet.kind, packet.flags, label, packet.payload);
            taken += packet.len();
            self.counters.forwarded_packets += u64::from(from_transport);
            out.push(packet);
        }
        if from_transport {
            self.counters.forwarded_bytes += forwarded as u64;
        }
        let sends_no_more = flow.next_len().is_none();
        if sends_no_more {
            flow.note_blocked();
            flow.deficit = 0;
            flow.listed = false;
        }
        self.held -= held - flow.held();
        if flow.is_empty()
            && let Some((reason, distance)) = flow.ending
        {
            out.push(Outgoing::ending(Kind::Close, label, reason, distance));
            self.drained.push(key);
        }
        self.served.push(key);
        self.wake_local_sender(key);
        taken
    }

    /// Sends the grants of a batch and ends the routes that it drained.
    fn finish_batch(&mut self, now: Moment) {
        while let Some(key) = self.served.pop() {
            self.served(now, key);
        }
        while let Some(key) = self.drained.pop() {
            let flow = &self.flows[key];
            let (route, output) = (flow.route, flow.output);
            let (End::Transport { slot, .. }, Some((reason, distance))) = (output, flow.ending) else {
                continue;
            };
            self.end_route_except(route, reason, distance, Some(slot));
        }
    }

    /// Gives a flow its place in the turns of its transport if it has something to send, and wakes the transport.
    pub(super) fn list_flow(&mut self, key: usize, slot: usize) {
        let flow = &mut self.flows[key];
        flow.note_blocked();
        let ready = flow.next_len().is_some() || (flow.is_empty() && flow.ending.is_some());
        if ready && !flow.listed {
            flow.listed = true;
            self.links[slot].turns.push_back(key);
            self.signal_transport(slot);
        }
    }
}
