use std::time::Duration;

use byway_base::limits::{CREDIT_WINDOW, LOCAL_QUEUE, ROUTE_IDLE, TRANSPORT_SILENCE};
use byway_routing::{Event, SendError};
use byway_wire::Reason;

use crate::world::World;

#[test]
fn data_crosses_intermediates_in_both_directions_and_in_order() {
    let mut world = World::chain(4);
    let route = world.install(1, 0, &[0, 1, 2]);
    for n in 0..20u8 {
        world.send(route.source, &[n; 100]).unwrap();
        world.send(route.destination, &[n, n]).unwrap();
    }
    world.run();
    let there: Vec<u8> = world.read(route.destination, 100).iter().map(|packet| packet[0]).collect();
    let back: Vec<u8> = world.read(route.source, 100).iter().map(|packet| packet[0]).collect();
    assert_eq!((there, back), ((0..20).collect(), (0..20).collect()));
    assert_eq!(world.nodes[1].counters().forwarded_packets, 40);
}

#[test]
fn the_destination_and_nobody_else_hears_of_the_first_packet_over_a_route_and_only_of_the_first() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    let heard = |world: &World| -> Vec<usize> {
        let used = |(node, event): &(usize, Event)| matches!(event, Event::RouteUsed { .. }).then_some(*node);
        world.events.iter().filter_map(used).collect()
    };
    assert!(heard(&world).is_empty());
    for _ in 0..3 {
        world.send(route.source, b"packet").unwrap();
        world.run();
    }
    assert_eq!(heard(&world), [route.destination.0]);
}

#[test]
fn a_dead_reader_holds_one_window_at_each_hop_and_other_routes_go_on() {
    let mut world = World::chain(3);
    let dead = world.install(1, 0, &[0, 1]);
    let live = world.install(2, 0, &[0, 1]);
    let mut sent = 0;
    for _ in 0..200 {
        sent += world.send_all(dead.source, &[0; 16_000]) * 16_000;
        world.run();
    }
    assert_eq!(world.send(dead.source, &[0; 16_000]), Err(SendError::Full));
    assert!(
        sent <= 2 * CREDIT_WINDOW + LOCAL_QUEUE,
        "{sent} bytes were taken for a reader that reads nothing"
    );
    for n in 0..100u8 {
        world.send(live.source, &[n; 1000]).unwrap();
        world.run();
        assert_eq!(world.read(live.destination, 1)[0][0], n);
    }
    let mut read = 0;
    while read < sent {
        let packets = world.read(dead.destination, 8);
        assert!(!packets.is_empty(), "{read} of {sent} bytes came");
        read += packets.iter().map(bytes::Bytes::len).sum::<usize>();
        world.run();
    }
    world.send(dead.source, &[1; 10]).unwrap();
}

#[test]
fn two_routes_over_one_transport_share_it_whatever_their_packets_are_like() {
    let mut world = World::chain(2);
    let large = world.install(1, 0, &[0]);
    let small = world.install(2, 0, &[0]);
    let slot = world.side(0, 0);
    world.send_all(large.source, &[0; 16_000]);
    world.send_all(small.source, &[0; 500]);
    let mut batch = Vec::new();
    world.nodes[0].poll_transmit(world.now, slot, 256 * 1024, &mut batch);
    let bytes = |len: usize| {
        batch.iter().filter(|p| p.payload().len() == len).map(|p| p.payload().len()).sum::<usize>()
    };
    let (large, small) = (bytes(16_000), bytes(500));
    assert!(large.abs_diff(small) <= 48 * 1024, "{large} against {small} bytes");
}

#[test]
fn pings_and_credits_go_before_data_that_waits() {
    let mut world = World::chain(2);
    let route = world.install(1, 0, &[0]);
    world.send_all(route.source, &[0; 16_000]);
    let slot = world.side(0, 0);
    world.nodes[0].ping_transport(world.now, slot);
    let mut batch = Vec::new();
    world.nodes[0].poll_transmit(world.now, slot, 1, &mut batch);
    assert!(batch[0].payload().is_empty(), "data went first");
}

#[test]
fn both_ends_learn_of_a_lost_transport_and_no_rule_stays() {
    let mut world = World::chain(4);
    world.install(1, 0, &[0, 1, 2]);
    world.cut(1);
    world.run();
    assert_eq!(world.endings(0), [Reason::TransportLost]);
    assert_eq!(world.endings(3), [Reason::TransportLost]);
    assert_eq!((world.distances(0), world.distances(3)), (vec![1], vec![1]));
    assert!(world.nodes.iter().all(|node| node.rules() == 0));
}

#[test]
fn a_route_that_closes_delivers_what_was_sent_before() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    for n in 0..10u8 {
        world.send(route.source, &[n; 1000]).unwrap();
    }
    world.nodes[0].close(route.source.1);
    world.run();
    assert_eq!(world.read(route.destination, 100).len(), 10);
    assert_eq!(world.endings(2), [Reason::Closed]);
    assert!(world.nodes.iter().all(|node| node.rules() == 0));
}

#[test]
fn idle_routes_vanish_and_used_ones_stay() {
    let mut world = World::chain(3);
    world.install(1, 0, &[0, 1]);
    let used = world.install(2, 0, &[0, 1]);
    for _ in 0..6 {
        world.pass(ROUTE_IDLE / 4);
        world.send(used.source, b"still here").unwrap();
        world.run();
        world.read(used.destination, 1);
    }
    assert_eq!(world.endings(0), [Reason::Idle]);
    assert!(world.nodes.iter().all(|node| node.rules() == 2));
}

#[test]
fn a_probe_returns_from_the_other_end_and_never_reaches_the_session() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    world.nodes[0].send_probe(route.source.1, 77);
    world.run();
    let answered = Event::ProbeAnswered { key: route.source.1, token: 77 };
    assert!(world.events.contains(&(0, answered)));
    assert!(world.read(route.destination, 10).is_empty() && world.read(route.source, 10).is_empty());
}

#[test]
fn probes_without_end_do_not_exhaust_the_credit() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    for token in 0..100_000 {
        world.nodes[0].send_probe(route.source.1, token);
        world.run();
    }
    world.send(route.source, b"data").unwrap();
    world.run();
    assert_eq!(world.read(route.destination, 1)[0], b"data"[..]);
}

#[test]
fn a_silent_peer_is_reported_once_and_an_answering_one_is_measured() {
    let mut world = World::chain(3);
    world.stalled.push(1);
    world.pass(TRANSPORT_SILENCE * 2);
    let dead = |node: usize| {
        let is_dead =
            |event: &&(usize, Event)| event.0 == node && matches!(event.1, Event::TransportDead { .. });
        world.events.iter().filter(is_dead).count()
    };
    assert_eq!((dead(0), dead(1), dead(2)), (0, 1, 1));
    let slot = world.side(0, 0);
    assert_eq!(world.nodes[0].transport(slot).unwrap().rtt, Some(Duration::ZERO));
}
