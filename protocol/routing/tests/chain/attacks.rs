use bytes::Bytes;
use byway_base::{
    RoutingId,
    limits::{CONTROL_QUEUE, CREDIT_WINDOW},
};
use byway_routing::{Event, ForwarderConfig, InstallError, RouteSide, RouteSpec};
use byway_wire::{
    Kind, Packet, Reason,
    packet::{FLAG_PROBE, FLAG_RETURN},
};

use crate::world::World;

#[test]
fn a_neighbour_that_knows_the_routing_ids_of_another_transport_can_do_nothing_with_them() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    let eve = world.nodes.len();
    world.nodes.push(byway_routing::Forwarder::new(ForwarderConfig::default()));
    let link = world.link(eve, 1);
    let at = (1, world.side(link, 1));
    let payload = Bytes::from_static(b"forged");
    for label in 0..32 {
        let label = RoutingId(label);
        let mut packets = vec![
            Packet::new(Kind::Datagram, label, payload.clone()),
            Packet::credit(label, u32::MAX),
            Packet::ending(Kind::Close, label, Reason::Closed, 0),
            Packet::ending(Kind::Fault, label, Reason::TransportLost, 0),
            Packet::new(Kind::Data, label, payload.clone()),
        ];
        packets.retain(|packet| packet.routing_id != RoutingId::TRANSPORT);
        world.receive(at, packets);
    }
    world.run();
    assert!(world.read(route.destination, 10).is_empty() && world.read(route.source, 10).is_empty());
    assert!(world.endings(0).is_empty() && world.endings(2).is_empty());
    assert!(world.nodes[1].counters().no_rule >= 62);
    world.send(route.source, b"genuine").unwrap();
    world.run();
    assert_eq!(world.read(route.destination, 10)[0], b"genuine"[..]);
}

#[test]
fn a_neighbour_that_sends_more_than_granted_loses_its_route_and_only_that() {
    let mut world = World::chain(3);
    let flooded = world.install(1, 0, &[0, 1]);
    let other = world.install(2, 0, &[0, 1]);
    world.stalled.push(1);
    let label = RoutingId(2);
    let flood = || Packet::new(Kind::Data, label, Bytes::from_static(&[0; 16_000]));
    let at = (1, world.side(0, 1));
    world.receive(at, (0..=CREDIT_WINDOW / 16_000).map(|_| flood()).collect());
    world.stalled.clear();
    world.run();
    assert_eq!(world.endings(0), [Reason::Overrun]);
    assert_eq!(world.nodes[1].counters().overruns, 1);
    let _ = flooded;
    world.send(other.source, b"fine").unwrap();
    world.run();
    assert_eq!(world.read(other.destination, 1)[0], b"fine"[..]);
}

#[test]
fn empty_packets_use_credit_as_well() {
    let mut world = World::chain(3);
    world.install(1, 0, &[0, 1]);
    world.stalled.push(1);
    let empty = || Packet::new(Kind::Data, RoutingId(2), Bytes::new());
    let at = (1, world.side(0, 1));
    world.receive(at, (0..=CREDIT_WINDOW / 64).map(|_| empty()).collect());
    assert_eq!(world.nodes[1].counters().overruns, 1);
}

#[test]
fn datagrams_beyond_their_queue_are_dropped_and_counted() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    world.stalled.push(1);
    let at = (1, world.side(0, 1));
    let datagram = || Packet::new(Kind::Datagram, RoutingId(2), Bytes::from_static(&[0; 1000]));
    world.receive(at, (0..1000).map(|_| datagram()).collect());
    let dropped = world.nodes[1].counters().datagrams_dropped;
    assert!(dropped > 700, "{dropped}");
    world.stalled.clear();
    world.run();
    assert_eq!(world.read_datagrams(route.destination).len() as u64, 1000 - dropped);
}

#[test]
fn rules_with_labels_in_use_or_without_transport_are_refused() {
    let mut world = World::chain(2);
    world.install(1, 0, &[0]);
    let transport = world.side(0, 0);
    let side = |label_in, label_out| {
        Some(RouteSide { transport, label_in: RoutingId(label_in), label_out: RoutingId(label_out) })
    };
    let mut try_install = |id: u8, previous, next| {
        let spec = RouteSpec { route: byway_base::RouteId::from_bytes([id; 16]), previous, next };
        world.nodes[0].install(world.now, spec).unwrap_err()
    };
    assert_eq!(try_install(1, None, side(50, 51)), InstallError::Exists);
    assert_eq!(try_install(2, None, None), InstallError::NoSide);
    assert_eq!(try_install(2, None, side(0, 51)), InstallError::Label);
    assert_eq!(try_install(2, None, side(3, 51)), InstallError::Label);
    assert_eq!(try_install(2, None, side(50, 2)), InstallError::Label);
    assert_eq!(try_install(2, side(50, 51), side(52, 53)), InstallError::Label);
    assert_eq!(world.nodes[0].rules(), 2);
}

#[test]
fn data_after_a_close_is_dropped_and_counted_and_what_came_before_it_arrives() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    let data = |text: &'static [u8]| Packet::new(Kind::Data, RoutingId(2), Bytes::from_static(text));
    let close = Packet::ending(Kind::Close, RoutingId(2), Reason::Closed, 0);
    let at = (1, world.side(0, 1));
    world.receive(at, vec![data(b"before"), close, data(b"after"), data(b"after")]);
    world.run();
    assert_eq!(world.read(route.destination, 9), [&b"before"[..]]);
    assert_eq!(world.nodes[1].counters().no_rule, 2);
    assert_eq!(world.endings(2), [Reason::Closed]);
}

#[test]
fn a_pong_that_answers_no_ping_measures_nothing() {
    let mut world = World::chain(2);
    let slot = world.side(0, 0);
    world.receive((0, slot), (0..100).map(|token| Packet::liveness(Kind::Pong, token)).collect());
    assert!(world.events.is_empty());
    assert_eq!(world.nodes[0].transport(slot).unwrap().rtt, None);
}

#[test]
fn a_peer_that_asks_without_end_and_reads_nothing_is_cut_off() {
    let mut world = World::chain(2);
    let slot = world.side(0, 0);
    world.stalled.push(0);
    for _ in 0..=CONTROL_QUEUE / 1_000 {
        world.receive((0, slot), (0..1_000).map(|token| Packet::liveness(Kind::Ping, token)).collect());
    }
    assert_eq!(world.nodes[0].counters().control_overflows, 1);
    let dead =
        |event: &&(usize, Event)| matches!(event.1, Event::TransportDead { slot: dead, .. } if dead == slot);
    assert_eq!(world.events.iter().filter(dead).count(), 1);
}

#[test]
fn control_packets_that_name_no_flow_of_their_transport_are_counted_and_answered_by_nothing() {
    let mut world = World::chain(3);
    world.install(1, 0, &[0, 1]);
    let at = (1, world.side(0, 1));
    let label = RoutingId(99);
    let packets = vec![
        Packet::credit(label, 1),
        Packet { flags: FLAG_RETURN, ..Packet::credit(label, 1) },
        Packet::ending(Kind::Close, label, Reason::Closed, 0),
        Packet::ending(Kind::Fault, label, Reason::NoRule, 0),
        Packet::new(Kind::Trace, label, Bytes::from_static(&[0; 9])),
    ];
    world.receive(at, packets);
    assert_eq!(world.nodes[1].counters().stray_control, 5);
    let mut answers = Vec::new();
    world.nodes[1].poll_transmit(world.now, at.1, usize::MAX, &mut answers);
    assert!(answers.is_empty());
}

#[test]
fn an_answer_to_a_probe_that_nobody_sent_is_counted_and_no_event() {
    let mut world = World::chain(2);
    world.install(1, 0, &[0]);
    let answer =
        Packet { flags: FLAG_PROBE, ..Packet::new(Kind::Data, RoutingId(3), Bytes::from_static(&[1; 9])) };
    world.receive((0, world.side(0, 0)), vec![answer]);
    assert!(world.events.is_empty());
    assert_eq!(world.nodes[0].counters().stray_control, 1);
}
