use std::time::Duration;

use byway_base::{
    RoutingId,
    limits::{CREDIT_WINDOW, CREDIT_WINDOW_MAX, CREDIT_WINDOW_MIN},
};
use byway_routing::ForwarderConfig;
use byway_wire::{Packet, Reason, packet::FLAG_RETURN};

use crate::world::{Installed, World};

const STEP: Duration = Duration::from_millis(10);

/// Reads all that came, then sends all that fits, once.
fn turn(world: &mut World, route: Installed) -> usize {
    let read = world.read(route.destination, usize::MAX).iter().map(bytes::Bytes::len).sum();
    world.send_all(route.source, &[0; 16_000]);
    read
}

/// A hop that is as long as a step: all that the source may send crosses, then what was granted for it comes back.
fn long_hop(world: &mut World, route: Installed) {
    let (near, far) = (world.side(0, 0), world.side(0, 1));
    let mut crossing = Vec::new();
    loop {
        world.send_all(route.source, &[0; 16_000]);
        if world.nodes[0].poll_transmit(world.now, near, usize::MAX, &mut crossing) == 0 {
            break;
        }
    }
    world.deliver((1, far), &crossing);
    world.read(route.destination, usize::MAX);
    let mut grants = Vec::new();
    world.nodes[1].poll_transmit(world.now, far, usize::MAX, &mut grants);
    world.deliver((0, near), &grants);
}

fn window(world: &World, node: usize) -> usize {
    world.nodes[node].routes().next().unwrap().windows.0
}

#[test]
fn the_window_of_a_flow_that_fills_it_grows_and_an_idle_one_falls_back() {
    let mut world = World::chain(2);
    let route = world.install(1, 0, &[0]);
    world.pass_in_steps(Duration::from_secs(2), STEP, |world| long_hop(world, route));
    assert!(window(&world, 1) > 4 * CREDIT_WINDOW, "{}", window(&world, 1));
    world.pass_in_steps(Duration::from_secs(60), Duration::from_secs(1), |world| {
        world.read(route.destination, usize::MAX);
        world.nodes[0].send_probe(route.source.1, 1);
    });
    assert_eq!(window(&world, 1), CREDIT_WINDOW);
    let mut sent = 0;
    while sent <= 2 * CREDIT_WINDOW {
        world.send(route.source, &[0; 16_000]).unwrap();
        sent += 16_000;
        world.run();
        world.read(route.destination, usize::MAX);
    }
    assert!(world.endings(0).is_empty());
}

#[test]
fn a_slow_reader_shrinks_the_windows_before_it_to_what_it_reads_soon() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    world.pass_in_steps(Duration::from_secs(20), STEP, |world| {
        world.send_all(route.source, &[0; 16_000]);
        world.read(route.destination, 1);
    });
    let queued: usize = world.nodes.iter().map(byway_routing::Forwarder::queued).sum();
    let read_in_a_delay = 5 * 16_000;
    assert!(window(&world, 2) <= 2 * read_in_a_delay, "{}", window(&world, 2));
    assert!(queued <= 3 * 2 * read_in_a_delay, "{queued} bytes wait");
    assert!(window(&world, 2) >= CREDIT_WINDOW_MIN);
}

#[test]
fn windows_together_stay_within_the_memory_of_the_node() {
    let config = ForwarderConfig { memory: 4 * CREDIT_WINDOW_MAX, ..ForwarderConfig::default() };
    let mut world = World::chain_of(2, config);
    let routes: Vec<Installed> = (1..20).map(|id| world.install(id, 0, &[0])).collect();
    world.pass_in_steps(Duration::from_secs(3), STEP, |world| {
        routes.iter().for_each(|route| long_hop(world, *route));
    });
    let promised: usize = world.nodes[1].routes().map(|route| route.windows.0).sum();
    assert!(promised <= config.memory / 2 + 20 * CREDIT_WINDOW, "{promised}");
    assert!(promised >= config.memory / 4, "{promised}");
}

#[test]
fn where_queues_exceed_the_memory_the_route_that_holds_the_most_ends_and_the_others_stay() {
    let memory = 10 * CREDIT_WINDOW;
    let mut world = World::chain_of(3, ForwarderConfig { memory, ..ForwarderConfig::default() });
    let live = world.install(100, 0, &[0, 1]);
    let dead: Vec<Installed> = (1..30).map(|id| world.install(id, 0, &[0, 1])).collect();
    for _ in 0..50 {
        for route in &dead {
            world.send_all(route.source, &[0; 16_000]);
        }
        world.send(live.source, b"alive").unwrap();
        world.run();
        assert_eq!(world.read(live.destination, 9).len(), 1);
        assert!(world.nodes[2].queued() <= memory);
        assert!(world.nodes[1].queued() <= memory);
    }
    let overloads = world.nodes[1].counters().overloads + world.nodes[2].counters().overloads;
    assert!(overloads >= 29 - 10, "{overloads}");
    let endings = world.endings(0);
    assert!(endings.len() as u64 == overloads && endings.iter().all(|reason| *reason == Reason::Overload));
}

#[test]
fn grants_beyond_any_window_make_no_sender_exceed_the_largest() {
    let mut world = World::chain(2);
    let route = world.install(1, 0, &[0]);
    let at = (0, world.side(0, 0));
    let grant = || Packet::credit(RoutingId(2), u32::MAX);
    world.receive(at, (0..8).map(|_| grant()).collect());
    let mut taken = 0;
    for _ in 0..20_000 {
        world.send_all(route.source, &[0; 16_000]);
        let mut batch = Vec::new();
        let slot = world.side(0, 0);
        taken += world.nodes[0].poll_transmit(world.now, slot, 1 << 20, &mut batch);
    }
    assert!(taken <= CREDIT_WINDOW_MAX, "{taken}");
}

#[test]
fn a_neighbour_that_gives_back_credit_it_never_had_changes_no_window_and_no_other_route() {
    let mut world = World::chain(2);
    world.install(1, 0, &[0]);
    let other = world.install(2, 0, &[0]);
    let at = (1, world.side(0, 1));
    let forged = || Packet { flags: FLAG_RETURN, ..Packet::credit(RoutingId(2), u32::MAX) };
    world.receive(at, (0..100).map(|_| forged()).collect());
    assert_eq!(window(&world, 1), CREDIT_WINDOW);
    for _ in 0..100 {
        assert!(turn(&mut world, other) <= 2 * CREDIT_WINDOW);
        world.run();
    }
    assert!(world.endings(0).is_empty() && world.endings(1).is_empty());
}
