//! Each checker finds the violation that it is for.

use bytes::Bytes;
use byway_base::{RouteId, RoutingId};
use byway_routing::{ForwarderConfig, RouteSide, RouteSpec};
use byway_wire::{Kind, Packet};

use super::*;
use crate::world::{Happening, Plan, Shape};

/// A session over two hops, one second after its route stands.
fn running() -> World {
    let mut world = World::chain(1, 3, Shape::new(100, 1));
    let session = world.session(Plan::new(NodeIx(0), NodeIx(2), 0).over((0..2).map(LinkIx)));
    world.offer(session, 100_000);
    world.run(Duration::from_secs(1)).unwrap();
    world
}

fn route(world: &World) -> RouteId {
    *world.registry.keys().next().unwrap()
}

/// Gives a node data that no session sent, on a route that nobody asked for.
fn feed(world: &mut World, node: NodeIx, packets: usize) {
    let (now, forwarder) = (world.now, &mut world.nodes[node.0].forwarder);
    let label = RoutingId(1);
    for (route, packets) in (0..packets).step_by(8).enumerate() {
        let transport = forwarder.add_transport(now);
        let previous = Some(RouteSide { transport, label_in: label, label_out: label });
        let route = RouteId::from_bytes([route as u8; 16]);
        forwarder.install(now, RouteSpec { route, previous, next: None }).unwrap();
        let data = |_| Packet::new(Kind::Data, label, Bytes::from_static(&[0; 16_000]));
        let mut batch: Vec<_> = (packets..packets + 8).map(data).collect();
        forwarder.handle_packets(now, transport, &mut batch);
    }
}

#[test]
fn an_honest_run_breaks_no_promise() {
    let mut world = running();
    world.check();
    assert_eq!((world.breach.clone(), world.check_recovered()), (None, Ok(())));
}

#[test]
fn more_under_way_than_the_windows_of_a_route_is_found() {
    let mut world = running();
    let (now, route) = (world.now, route(&world));
    let payload = vec![0; CREDIT_WINDOW_MAX];
    for _ in 0..3 {
        world.deliveries.sent(now, route, Direction::Forward, &payload);
    }
    assert!(matches!(world.check_windows(), Err(Breach::Windows { .. })));
}

#[test]
fn bytes_in_queues_that_nobody_sent_are_found() {
    let mut world = running();
    feed(&mut world, NodeIx(1), 8);
    assert!(matches!(world.check_memory(), Err(Breach::Leak { .. })));
}

#[test]
fn a_node_beyond_its_memory_is_found() {
    let mut world = running();
    feed(&mut world, NodeIx(1), 80);
    // As if the node had been given less than its forwarder was told.
    world.config = ForwarderConfig { memory: 1_000_000, ..world.config };
    world.touch(NodeIx(1));
    world.settle();
    assert!(matches!(world.breach, Some(Breach::Memory { node: 1, .. })));
}

#[test]
fn rules_bytes_and_labels_that_are_left_are_found() {
    let world = running();
    assert!(matches!(world.check_empty(), Err(Breach::Leftover { what: "rules in its forwarder", .. })));
    assert!(matches!(world.check_forgotten(), Err(Breach::Leftover { what: "labels in its rule book", .. })));
}

#[test]
fn a_session_without_a_route_or_with_something_undelivered_is_found() {
    let mut world = running();
    world.offer(crate::world::SessionIx(0), 1_000_000_000);
    assert!(matches!(world.check_recovered(), Err(Breach::NotRecovered { session: 0, .. })));
    let mut world = World::chain(1, 2, Shape::new(100, 1));
    world.session(Plan::new(NodeIx(0), NodeIx(1), 0));
    assert!(matches!(world.check_recovered(), Err(Breach::NotRecovered { session: 0, .. })));
}

#[test]
fn an_end_that_hears_nothing_of_a_break_is_found() {
    let mut world = running();
    let route = route(&world);
    world.endings.expect(world.now, route, 2, Duration::from_secs(2));
    assert!(matches!(world.run(Duration::from_secs(5)), Err(Breach::NotTold { node: 2, .. })));
}

#[test]
fn a_moment_that_never_ends_is_found() {
    let mut world = running();
    // A timer that is due again at once, without end.
    for _ in 0..=crate::world::EVENTS_MAX {
        let life = world.nodes[0].life;
        world.plan(Duration::ZERO, Happening::Timer { node: NodeIx(0), life, core: 0 });
    }
    assert!(matches!(world.run(Duration::from_secs(1)), Err(Breach::Livelock { .. })));
}
