//! Nodes in one process: forwarders whose transports are queues of encoded bytes.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use byway_base::{Moment, RouteId, RoutingId};
use byway_routing::{
    Event, Forwarder, ForwarderConfig, Outgoing, RouteKey, RouteSide, RouteSpec, SendError, TransportSlot,
};
use byway_wire::Packet;

/// One end of a link: the node, and its name for the transport.
pub(crate) type Side = (usize, TransportSlot);

pub(crate) struct World {
    pub(crate) nodes: Vec<Forwarder>,
    links: Vec<[Side; 2]>,
    pub(crate) now: Moment,
    /// Links whose packets are held back.
    pub(crate) stalled: Vec<usize>,
    /// Links that are gone.
    pub(crate) lost: Vec<usize>,
    pub(crate) events: Vec<(usize, Event)>,
    next_label: u32,
}

/// A route installed along a chain of nodes, and its keys at both ends.
#[derive(Clone, Copy)]
pub(crate) struct Installed {
    pub(crate) source: (usize, RouteKey),
    pub(crate) destination: (usize, RouteKey),
}

impl World {
    /// `count` nodes, each linked to the next.
    pub(crate) fn chain(count: usize) -> Self {
        Self::chain_of(count, ForwarderConfig::default())
    }

    /// The same with other limits.
    pub(crate) fn chain_of(count: usize, config: ForwarderConfig) -> Self {
        let mut world = Self {
            nodes: (0..count).map(|_| Forwarder::new(config)).collect(),
            links: Vec::new(),
            now: Moment::ZERO,
            stalled: Vec::new(),
            lost: Vec::new(),
            events: Vec::new(),
            next_label: 1,
        };
        for node in 1..count {
            world.link(node - 1, node);
        }
        world
    }

    pub(crate) fn link(&mut self, a: usize, b: usize) -> usize {
        let sides = [a, b].map(|node| (node, self.nodes[node].add_transport(self.now)));
        self.links.push(sides);
        self.links.len() - 1
    }

    /// Makes the links of a chain anew, for nodes that were replaced.
    pub(crate) fn relink(&mut self) {
        self.links.clear();
        for node in 1..self.nodes.len() {
            self.link(node - 1, node);
        }
    }

    pub(crate) fn side(&self, link: usize, node: usize) -> TransportSlot {
        self.links[link].iter().find(|(at, _)| *at == node).unwrap().1
    }

    pub(crate) fn label(&mut self) -> RoutingId {
        self.next_label += 1;
        RoutingId(self.next_label)
    }

    /// Installs a route over links that follow each other, from `source`.
    pub(crate) fn install(&mut self, id: u8, source: usize, links: &[usize]) -> Installed {
        let route = RouteId::from_bytes([id; 16]);
        let (mut node, mut previous, mut first) = (source, None, None);
        for link in links {
            let far = self.links[*link].iter().find(|(at, _)| *at != node).unwrap().0;
            let (there, back) = (self.label(), self.label());
            let next = RouteSide { transport: self.side(*link, node), label_in: back, label_out: there };
            let key =
                self.nodes[node].install(self.now, RouteSpec { route, previous, next: Some(next) }).unwrap();
            first.get_or_insert(key);
            previous = Some(RouteSide { transport: self.side(*link, far), label_in: there, label_out: back });
            node = far;
        }
        let last = self.nodes[node].install(self.now, RouteSpec { route, previous, next: None }).unwrap();
        Installed { source: (source, first.unwrap()), destination: (node, last) }
    }

    /// Moves packets until nothing moves any more.
    pub(crate) fn run(&mut self) {
        while self.step() {}
    }

    /// Moves one batch in each direction of each link. False if there was nothing to move.
    pub(crate) fn step(&mut self) -> bool {
        let mut moved = false;
        for link in 0..self.links.len() {
            if self.stalled.contains(&link) || self.lost.contains(&link) {
                continue;
            }
            let [a, b] = self.links[link];
            moved |= self.carry(a, b) | self.carry(b, a);
        }
        moved
    }

    fn carry(&mut self, from: Side, to: Side) -> bool {
        let mut batch = Vec::new();
        self.nodes[from.0].poll_transmit(self.now, from.1, 64 * 1024, &mut batch);
        self.collect(from.0);
        self.deliver(to, &batch);
        !batch.is_empty()
    }

    /// Hands packets to a node as bytes, through the codec.
    pub(crate) fn deliver(&mut self, to: Side, batch: &[Outgoing]) {
        let mut bytes = BytesMut::new();
        for packet in batch {
            bytes.extend_from_slice(packet.head());
            bytes.extend_from_slice(packet.payload());
        }
        let mut packets = Vec::new();
        while let Some(packet) = Packet::take(&mut bytes).unwrap() {
            packets.push(packet);
        }
        assert!(bytes.is_empty());
        self.receive(to, packets);
    }

    pub(crate) fn receive(&mut self, to: Side, mut packets: Vec<Packet>) {
        self.nodes[to.0].handle_packets(self.now, to.1, &mut packets);
        self.collect(to.0);
    }

    pub(crate) fn collect(&mut self, node: usize) {
        while self.nodes[node].pop_wake().is_some() {}
        while let Some(event) = self.nodes[node].pop_event() {
            self.events.push((node, event));
        }
    }

    pub(crate) fn cut(&mut self, link: usize) {
        for (node, slot) in self.links[link] {
            self.nodes[node].remove_transport(slot);
            self.collect(node);
        }
        self.lost.push(link);
    }

    pub(crate) fn send(&mut self, end: (usize, RouteKey), payload: &[u8]) -> Result<(), SendError> {
        self.nodes[end.0].send(self.now, end.1, Bytes::copy_from_slice(payload))
    }

    /// Sends what fits of an endless supply; returns how many packets went.
    pub(crate) fn send_all(&mut self, end: (usize, RouteKey), payload: &[u8]) -> usize {
        (0..).take_while(|_| self.send(end, payload).is_ok()).count()
    }

    pub(crate) fn read(&mut self, end: (usize, RouteKey), max: usize) -> VecDeque<Bytes> {
        let mut out = Vec::new();
        self.nodes[end.0].receive(self.now, end.1, max, &mut out);
        self.collect(end.0);
        out.into()
    }

    pub(crate) fn read_datagrams(&mut self, end: (usize, RouteKey)) -> Vec<Bytes> {
        let mut out = Vec::new();
        self.nodes[end.0].receive_datagrams(end.1, usize::MAX, &mut out);
        self.collect(end.0);
        out
    }

    /// Time goes on in small steps, and packets move at each; what `each` does happens before.
    pub(crate) fn pass_in_steps(&mut self, time: Duration, step: Duration, mut each: impl FnMut(&mut Self)) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + step;
            each(self);
            for node in 0..self.nodes.len() {
                self.nodes[node].handle_timeout(self.now);
                self.collect(node);
            }
            self.run();
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.pass_in_steps(time, Duration::from_secs(1), |_| {});
    }

    /// The reasons that a node's ends of routes were given.
    pub(crate) fn endings(&self, node: usize) -> Vec<byway_wire::Reason> {
        let ending = |(at, event): &(usize, Event)| match event {
            Event::RouteEnded { reason, local: true, .. } if *at == node => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(ending).collect()
    }

    /// How far from a node its ends of routes broke.
    pub(crate) fn distances(&self, node: usize) -> Vec<u8> {
        let distance = |(at, event): &(usize, Event)| match event {
            Event::RouteEnded { distance, local: true, .. } if *at == node => Some(*distance),
            _ => None,
        };
        self.events.iter().filter_map(distance).collect()
    }
}
