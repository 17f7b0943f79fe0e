//! A node's data half in the hands of one neighbour: whatever it sends, it reaches its own routes and nothing else.

use bytes::{Bytes, BytesMut};
use byway_base::{
    Moment, RouteId, RoutingId,
    limits::{CREDIT_WINDOW, DATAGRAM_QUEUE},
};
use byway_routing::{Forwarder, ForwarderConfig, Outgoing, RouteKey, RouteSide, RouteSpec, TransportSlot};
use byway_wire::{Kind, Packet};

/// The labels of the node towards the neighbour: the one of the golden vectors, which leads on to another node,
/// and one that ends here.
const THROUGH: RoutingId = RoutingId(0x0102_0304);
const HERE: RoutingId = RoutingId(5);
/// The label of a route that has nothing to do with the neighbour, on both its sides.
const ELSEWHERE: RoutingId = RoutingId(7);
/// Packets handed over at once.
const BATCH: usize = 8;

struct Node {
    forwarder: Forwarder,
    now: Moment,
    neighbour: TransportSlot,
    others: [TransportSlot; 2],
    here: RouteKey,
}

fn side(transport: TransportSlot, label: RoutingId) -> Option<RouteSide> {
    Some(RouteSide { transport, label_in: label, label_out: label })
}

impl Node {
    fn new() -> Self {
        let now = Moment::ZERO;
        let mut forwarder = Forwarder::new(ForwarderConfig::default());
        let [neighbour, one, two] = [(); 3].map(|()| forwarder.add_transport(now));
        let mut install = |id, previous, next| {
            let route = RouteId::from_bytes([id; 16]);
            forwarder.install(now, RouteSpec { route, previous, next }).expect("the labels are free")
        };
        install(1, side(neighbour, THROUGH), side(one, THROUGH));
        install(2, side(one, ELSEWHERE), side(two, ELSEWHERE));
        let here = install(3, side(neighbour, HERE), None);
        Self { forwarder, now, neighbour, others: [one, two], here }
    }

    fn transmit(&mut self, slot: TransportSlot) -> Vec<Outgoing> {
        let mut out = Vec::new();
        while self.forwarder.poll_transmit(self.now, slot, 64 * 1024, &mut out) > 0 {}
        while self.forwarder.pop_wake().is_some() || self.forwarder.pop_event().is_some() {}
        out
    }
}

/// The neighbour sends what the input says, packet by packet as far as it is one.
pub(super) fn neighbour(data: &[u8]) {
    let mut node = Node::new();
    let (mut bytes, mut batch) = (BytesMut::from(data), Vec::new());
    while let Ok(Some(packet)) = Packet::take(&mut bytes) {
        batch.push(packet);
        if batch.len() == BATCH {
            node.forwarder.handle_packets(node.now, node.neighbour, &mut batch);
        }
    }
    node.forwarder.handle_packets(node.now, node.neighbour, &mut batch);
    let bound = 2 * (CREDIT_WINDOW + DATAGRAM_QUEUE);
    assert!(node.forwarder.queued() <= bound, "{} bytes are queued", node.forwarder.queued());
    let [one, two] = node.others;
    for packet in node.transmit(one) {
        assert_eq!(packet.label(), THROUGH, "a neighbour reached a route that is not its own");
    }
    assert_eq!(node.transmit(two).len(), 0, "a neighbour reached a transport that none of its routes uses");
    let mut received = Vec::new();
    node.forwarder.receive(node.now, node.here, usize::MAX, &mut received);
    node.forwarder.receive_datagrams(node.here, usize::MAX, &mut received);
    let answers = node.transmit(node.neighbour);
    assert!(answers.len() <= data.len() / 8 + 2, "{} answers to {} bytes", answers.len(), data.len());
    still_carries(&mut node);
}

/// The route between the others works as before.
fn still_carries(node: &mut Node) {
    let [one, two] = node.others;
    let mut packets = vec![Packet::new(Kind::Data, ELSEWHERE, Bytes::from_static(b"theirs"))];
    node.forwarder.handle_packets(node.now, one, &mut packets);
    let out = node.transmit(two);
    assert!(
        matches!(&out[..], [packet] if packet.payload() == &b"theirs"[..]),
        "another route was disturbed"
    );
}
