//! Row 6: a neighbour that guesses the routing IDs of a route of others.

use std::collections::BTreeSet;

use bytes::Bytes;
use byway_base::{RoutingId, limits::PACKET_PAYLOAD_MAX};
use byway_node::{Node, PathChoice};
use byway_wire::{Kind, Packet, Reason};

use crate::support::{
    Hand, HandLink, Labels, Plane, dial_echo, echo, exchange, pattern, secret, tcp_between,
};

/// Bytes of each exchange: many times what waits in any queue.
const BYTES: usize = 4 * 1024 * 1024;
/// Small labels that a guesser would try, whatever else it knows.
const GUESSES: u32 = 500;

/// Every label of any node of the route, and guesses.
fn labels(known: &Labels) -> BTreeSet<RoutingId> {
    let real = known.values().flatten().copied();
    real.chain((1..=GUESSES).map(RoutingId)).collect()
}

/// Injects, credits, closes and faults under every label, and waits for the node's answers to what it took for data.
async fn attack(link: &mut HandLink, labels: &BTreeSet<RoutingId>) {
    let send = link.sender();
    let payload = Bytes::from(pattern(PACKET_PAYLOAD_MAX));
    for label in labels {
        send.send(&Packet::new(Kind::Data, *label, payload.slice(..100)));
        send.send(&Packet::new(Kind::Datagram, *label, payload.slice(..100)));
        send.send(&Packet::credit(*label, u32::MAX));
        send.send(&Packet::ending(Kind::Close, *label, Reason::Closed, 0));
        send.send(&Packet::ending(Kind::Fault, *label, Reason::TransportLost, 0));
    }
    for _ in 0..2 * labels.len() {
        let answer = link.receive().await.expect("the transport stays open");
        assert_eq!((answer.kind, answer.reason()), (Kind::Fault, Some(Reason::NoRule)));
    }
}

/// Packets refused for their label so far: payload, and control.
fn refused(node: &Node) -> (u64, u64) {
    let counters = node.counters();
    (counters.no_rule, counters.stray_control)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_that_knows_every_routing_id_of_others_routes_can_do_nothing_to_them() {
    let plane = Plane::start().await;
    let mut setup_node = Hand::start(&secret(240), &plane).await;
    let nodes = plane.row(&[1, 2, 3], &[setup_node.key()]).await;
    let [source, middle, destination] = &nodes[..] else { panic!("three nodes") };
    echo(destination);
    let path = [(source, middle), (middle, destination)].map(|(a, b)| tcp_between(a.key(), b.key()));
    let choice = PathChoice::exactly(path.to_vec());
    let set_up = async {
        let asked = setup_node.asked().await;
        setup_node.obey(asked).await
    };
    let (mut stream, known) = tokio::join!(dial_echo(source, destination, choice), set_up);
    assert_eq!(known.len(), 3, "the labels of all three nodes are known to the attacker");
    let routes = || source.sessions().iter().flat_map(|session| session.routes.clone()).collect::<Vec<_>>();
    let route = routes()[0].route;
    let bytes = pattern(BYTES);
    exchange(&mut stream, &bytes).await;

    let labels = labels(&known);
    let count = labels.len() as u64;
    for attacked in &nodes {
        let mut eve = HandLink::open(&secret(66), attacked).await;
        let before = refused(attacked);
        // While the transfer runs, and once more while it stands.
        tokio::join!(attack(&mut eve, &labels), exchange(&mut stream, &bytes));
        attack(&mut eve, &labels).await;
        // The fault under the last label has no answer; what follows it on the same transport has.
        attack(&mut eve, &BTreeSet::from([RoutingId(u32::MAX)])).await;
        let now = refused(attacked);
        assert_eq!(now.0 - before.0, 2 * (2 * count + 1));
        assert!(now.1 - before.1 >= 3 * 2 * count, "{before:?} {now:?}");
        exchange(&mut stream, &bytes).await;
    }
    let [only] = &routes()[..] else { panic!("one route") };
    assert_eq!(only.route, route, "the session never had to change its route");
    assert!(nodes.iter().all(|node| node.rules() == 2 && node.counters().overruns == 0));
}
