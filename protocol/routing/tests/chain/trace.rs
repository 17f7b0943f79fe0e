use bytes::Bytes;
use byway_base::RoutingId;
use byway_routing::Event;
use byway_wire::{Kind, Packet, packet::FLAG_ANSWER};

use crate::world::World;

fn answers(world: &World) -> Vec<u64> {
    let token = |(node, event): &(usize, Event)| match event {
        Event::TraceAnswered { token, .. } if *node == 0 => Some(*token),
        _ => None,
    };
    world.events.iter().filter_map(token).collect()
}

#[test]
fn each_node_of_a_route_answers_the_trace_that_ends_at_it() {
    let mut world = World::chain(4);
    let route = world.install(1, 0, &[0, 1, 2]);
    for hops in 1..=3 {
        world.nodes[0].send_trace(world.now, route.source.1, hops, u64::from(hops));
        world.run();
    }
    assert_eq!(answers(&world), [1, 2, 3]);
}

#[test]
fn the_far_end_answers_a_trace_that_counts_beyond_it() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    world.nodes[0].send_trace(world.now, route.source.1, u8::MAX, 7);
    world.run();
    assert_eq!(answers(&world), [7]);
}

#[test]
fn behind_a_hop_that_carries_nothing_no_node_answers_and_before_it_all_do() {
    let mut world = World::chain(4);
    let route = world.install(1, 0, &[0, 1, 2]);
    world.stalled.push(1);
    for hops in 1..=3 {
        world.nodes[0].send_trace(world.now, route.source.1, hops, u64::from(hops));
        world.run();
    }
    assert_eq!(answers(&world), [1]);
}

#[test]
fn a_trace_passes_the_data_that_waits_for_a_dead_reader() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    for _ in 0..100 {
        world.send_all(route.source, &[0; 16_000]);
        world.run();
    }
    world.nodes[0].send_trace(world.now, route.source.1, 2, 9);
    world.run();
    assert_eq!(answers(&world), [9]);
}

#[test]
fn answers_that_nobody_asked_for_are_counted_and_tell_nobody_anything() {
    let mut world = World::chain(2);
    let route = world.install(1, 0, &[0]);
    let back = RoutingId(3);
    let answer =
        || Packet { flags: FLAG_ANSWER, ..Packet::new(Kind::Trace, back, Bytes::from_static(&[0; 9])) };
    let at = (0, world.side(0, 0));
    world.receive(at, (0..1_000).map(|_| answer()).collect());
    assert!(answers(&world).is_empty());
    assert_eq!(world.nodes[0].counters().stray_control, 1_000);
    world.nodes[0].send_trace(world.now, route.source.1, 1, 5);
    world.run();
    assert_eq!(answers(&world), [5]);
}
