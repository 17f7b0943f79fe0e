//! Forwarding in a steady state allocates nothing and copies no payload.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use byway_base::{Moment, RouteId, RoutingId};
use byway_routing::{Forwarder, ForwarderConfig, Outgoing, RouteKey, RouteSide, RouteSpec, TransportSlot};
use byway_wire::{Kind, Packet};

const PAYLOAD: usize = 16_000;
const BATCH: usize = 16;

/// An intermediate node between two transports, with routes across, and the batches that move through it.
struct Node {
    forwarder: Forwarder,
    now: Moment,
    from: TransportSlot,
    to: TransportSlot,
    arriving: Vec<Packet>,
    leaving: Vec<Outgoing>,
    credits: Vec<Packet>,
}

fn side(transport: TransportSlot, label: u32) -> Option<RouteSide> {
    Some(RouteSide { transport, label_in: RoutingId(label), label_out: RoutingId(label) })
}

impl Node {
    fn new(routes: u32) -> Self {
        let now = Moment::ZERO;
        let mut forwarder = Forwarder::new(ForwarderConfig::default());
        let (from, to) = (forwarder.add_transport(now), forwarder.add_transport(now));
        for label in 1..=routes {
            let spec = RouteSpec { route: id(label), previous: side(from, label), next: side(to, label) };
            forwarder.install(now, spec).unwrap();
        }
        let (arriving, leaving, credits) = (Vec::new(), Vec::new(), Vec::new());
        Self { forwarder, now, from, to, arriving, leaving, credits }
    }

    /// One batch of packets crosses, as a driver moves it, and is granted again by the next node.
    fn cross(&mut self, packets: &[Packet]) {
        self.now = self.now + Duration::from_micros(200);
        self.arriving.extend(packets.iter().cloned());
        self.forwarder.handle_packets(self.now, self.from, &mut self.arriving);
        self.forwarder.poll_transmit(self.now, self.to, usize::MAX, &mut self.leaving);
        assert_eq!(self.leaving.len(), packets.len());
        for (sent, came) in self.leaving.drain(..).zip(packets) {
            assert_eq!(sent.payload().as_ptr(), came.payload.as_ptr(), "a payload was copied");
        }
        self.credits.extend(packets.iter().map(|packet| grant(packet.routing_id)));
        self.forwarder.handle_packets(self.now, self.to, &mut self.credits);
        self.forwarder.poll_transmit(self.now, self.from, usize::MAX, &mut self.leaving);
        self.leaving.clear();
        while self.forwarder.pop_wake().is_some() {}
        while self.forwarder.pop_event().is_some() {}
    }
}

fn id(label: u32) -> RouteId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&label.to_be_bytes());
    RouteId::from_bytes(bytes)
}

/// Exactly what a packet cost, from memory that is there already.
fn grant(label: RoutingId) -> Packet {
    const COST: [u8; 4] = (byway_routing::credit_cost(PAYLOAD) as u32).to_be_bytes();
    Packet::new(Kind::Credit, label, Bytes::from_static(&COST))
}

/// A batch as it comes from one read: payloads that share one piece of memory.
fn batch(routes: u32, first: usize) -> Vec<Packet> {
    let mut read = BytesMut::zeroed(BATCH * PAYLOAD);
    let packet = |n| {
        let label = RoutingId((first + n) as u32 % routes + 1);
        Packet::new(Kind::Data, label, read.split_to(PAYLOAD).freeze())
    };
    (0..BATCH).map(packet).collect()
}

fn allocations(routes: u32, rounds: usize) -> u64 {
    let mut node = Node::new(routes);
    let batches: Vec<_> = (0..routes as usize).map(|first| batch(routes, first * BATCH)).collect();
    // Windows find their size and queues their memory first.
    batches.iter().cycle().take(rounds).for_each(|batch| node.cross(batch));
    measure(|| batches.iter().cycle().take(rounds).for_each(|batch| node.cross(batch))).count_total
}

#[test]
fn an_intermediate_node_passes_packets_on_without_allocating_or_copying() {
    assert_eq!(allocations(1, 5_000), 0);
}

#[test]
fn many_routes_at_once_make_no_difference() {
    assert_eq!(allocations(1_000, 5_000), 0);
}

#[test]
fn only_a_flow_that_does_not_move_gets_memory_of_its_own_and_lets_go_of_what_it_came_with() {
    let mut node = Node::new(1);
    let mut arrive = |packets: &[Packet]| {
        node.arriving.extend(packets.iter().cloned());
        node.forwarder.handle_packets(node.now, node.from, &mut node.arriving);
    };
    let (first, second) = (batch(1, 0), batch(1, 0));
    arrive(&first[..4]);
    assert!(measure(|| arrive(&second[..4])).count_total >= 4);
    node.forwarder.poll_transmit(node.now, node.to, usize::MAX, &mut node.leaving);
    let shared = |sent: &Outgoing, came: &Packet| sent.payload().as_ptr() == came.payload.as_ptr();
    let came = first[..4].iter().chain(&second[..4]);
    let kept: Vec<bool> = node.leaving.iter().zip(came).map(|(sent, came)| shared(sent, came)).collect();
    assert_eq!(kept, [true, true, true, true, false, false, false, false]);
}

#[test]
fn the_ends_of_a_route_take_and_hand_over_packets_without_allocating_or_copying() {
    let mut ends = Ends::new();
    (0..5_000).for_each(|_| ends.send_and_receive());
    assert_eq!(measure(|| (0..5_000).for_each(|_| ends.send_and_receive())).count_total, 0);
}

/// A node at which one route begins and another one ends.
struct Ends {
    forwarder: Forwarder,
    now: Moment,
    next: TransportSlot,
    previous: TransportSlot,
    begins: RouteKey,
    ends: RouteKey,
    payload: Bytes,
    packets: Vec<Packet>,
    leaving: Vec<Outgoing>,
    received: Vec<Bytes>,
}

impl Ends {
    fn new() -> Self {
        let now = Moment::ZERO;
        let mut forwarder = Forwarder::new(ForwarderConfig::default());
        let (next, previous) = (forwarder.add_transport(now), forwarder.add_transport(now));
        let begins = RouteSpec { route: id(1), previous: None, next: side(next, 1) };
        let ends = RouteSpec { route: id(2), previous: side(previous, 2), next: None };
        Self {
            begins: forwarder.install(now, begins).unwrap(),
            ends: forwarder.install(now, ends).unwrap(),
            payload: Bytes::from(vec![0; PAYLOAD]),
            packets: Vec::new(),
            leaving: Vec::new(),
            received: Vec::new(),
            forwarder,
            now,
            next,
            previous,
        }
    }

    fn send_and_receive(&mut self) {
        self.now = self.now + Duration::from_micros(20);
        self.forwarder.send(self.now, self.begins, self.payload.clone()).unwrap();
        self.forwarder.poll_transmit(self.now, self.next, usize::MAX, &mut self.leaving);
        assert_eq!(self.leaving.drain(..).next().unwrap().payload().as_ptr(), self.payload.as_ptr());
        self.packets.push(grant(RoutingId(1)));
        self.forwarder.handle_packets(self.now, self.next, &mut self.packets);
        self.packets.push(Packet::new(Kind::Data, RoutingId(2), self.payload.clone()));
        self.forwarder.handle_packets(self.now, self.previous, &mut self.packets);
        self.forwarder.receive(self.now, self.ends, usize::MAX, &mut self.received);
        assert_eq!(self.received.drain(..).next().unwrap().as_ptr(), self.payload.as_ptr());
        self.forwarder.poll_transmit(self.now, self.previous, usize::MAX, &mut self.leaving);
        self.leaving.clear();
        while self.forwarder.pop_wake().is_some() {}
        while self.forwarder.pop_event().is_some() {}
    }
}
