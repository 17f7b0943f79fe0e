use std::time::Duration;

use byway_routing::{ForwarderConfig, InstallError, RouteSide, RouteSpec};
use byway_wire::Reason;

use crate::world::{Installed, World};

const STEP: Duration = Duration::from_millis(10);

/// Bytes that each route carries in 10 s with a reader and a sender who never wait.
fn carried(world: &mut World, routes: &[Installed]) -> Vec<usize> {
    let mut carried = vec![0; routes.len()];
    world.pass_in_steps(Duration::from_secs(10), STEP, |world| {
        for (route, carried) in routes.iter().zip(&mut carried) {
            for _ in 0..8 {
                *carried +=
                    world.read(route.destination, usize::MAX).iter().map(bytes::Bytes::len).sum::<usize>();
                world.send_all(route.source, &[0; 16_000]);
                world.step();
            }
        }
    });
    carried
}

#[test]
fn a_cap_on_transit_holds_what_is_carried_for_others_and_not_the_nodes_own() {
    let mut world = World::chain(4);
    let config = ForwarderConfig { transit_rate: Some(1_000_000), ..ForwarderConfig::default() };
    world.nodes[1] = byway_routing::Forwarder::new(config);
    world.relink();
    let through = world.install(1, 0, &[0, 1]);
    let own = world.install(2, 1, &[1, 2]);
    let [through, own] = carried(&mut world, &[through, own])[..] else { unreachable!() };
    assert!((8_000_000..=11_000_000).contains(&through), "{through}");
    assert!(own > 20_000_000, "{own}");
    assert!(world.nodes[1].counters().grants_delayed > 0);
}

#[test]
fn a_cap_for_each_peer_is_shared_by_the_peers_routes_and_leaves_other_peers_alone() {
    let mut world = World::chain(4);
    let config = ForwarderConfig { peer_rate: Some(1_000_000), ..ForwarderConfig::default() };
    world.nodes[1] = byway_routing::Forwarder::new(config);
    world.relink();
    let link = world.link(3, 1);
    let first = world.install(1, 0, &[0, 1]);
    let second = world.install(2, 0, &[0, 1]);
    let other = world.install(3, 3, &[link, 0]);
    let carried = carried(&mut world, &[first, second, other]);
    let together = carried[0] + carried[1];
    assert!((8_000_000..=11_500_000).contains(&together), "{carried:?}");
    assert!(carried[0].abs_diff(carried[1]) <= together / 8, "{carried:?}");
    assert!((8_000_000..=11_000_000).contains(&carried[2]), "{carried:?}");
}

#[test]
fn a_node_without_transit_refuses_routes_between_others_and_keeps_its_own() {
    let mut world = World::chain(3);
    world.install(1, 0, &[0, 1]);
    let own = world.install(2, 0, &[0]);
    world.nodes[1].set_transit(false);
    world.collect(1);
    world.run();
    assert_eq!((world.endings(0), world.endings(2)), (vec![Reason::Limit], vec![Reason::Limit]));
    world.send(own.source, b"own").unwrap();
    world.run();
    assert_eq!(world.read(own.destination, 1), [&b"own"[..]]);
    let side = |world: &mut World, link| {
        let (label_in, label_out) = (world.label(), world.label());
        Some(RouteSide { transport: world.side(link, 1), label_in, label_out })
    };
    let (previous, next) = (side(&mut world, 0), side(&mut world, 1));
    let spec = RouteSpec { route: byway_base::RouteId::from_bytes([9; 16]), previous, next };
    assert_eq!(world.nodes[1].install(world.now, spec), Err(InstallError::NoTransit));
}
