//! What a node gives back by itself, and what it remembers.

use std::time::Duration;

use byway_base::{
    Code, RouteId, RoutingId,
    limits::{RESERVATION_LEASE, ROUTING_ID_QUIET, SETUP_TIMEOUT},
};
use byway_setup::Surroundings;
use byway_wire::setup::{InitiatorTag, NodeMessage, Reply, Role};

use crate::world::{Fate, World, setup_key};

fn reserve(world: &World, route: u8) -> NodeMessage {
    let (previous, next) = (Some(world.hops[0].transport), Some(world.hops[1].transport));
    NodeMessage::Reserve {
        route: RouteId::from_bytes([route; 16]),
        initiator: InitiatorTag::default(),
        previous,
        next,
    }
}

#[test]
fn a_reservation_ends_with_its_lease_and_not_before() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    for (wait, expected) in [(Duration::ZERO, false), (Duration::from_secs(1), true)] {
        let message = reserve(&world, 1 + u8::from(expected));
        let Reply::Reserved { .. } = world.deliver(setup_key(), middle, message) else { panic!() };
        world.advance(RESERVATION_LEASE - Duration::from_secs(1) + wait);
        let role = Role::Intermediate { forward: RoutingId(7), backward: RoutingId(9) };
        let route = RouteId::from_bytes([1 + u8::from(expected); 16]);
        let reply = world.deliver(setup_key(), middle, NodeMessage::Install { route, role });
        assert_eq!(reply != Reply::Done {}, expected);
    }
}

#[test]
fn installing_does_not_prolong_the_lease() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let message = reserve(&world, 1);
    world.deliver(setup_key(), middle, message);
    world.advance(RESERVATION_LEASE - Duration::from_secs(1));
    let route = RouteId::from_bytes([1; 16]);
    let role = Role::Intermediate { forward: RoutingId(7), backward: RoutingId(9) };
    assert_eq!(world.deliver(setup_key(), middle, NodeMessage::Install { route, role }), Reply::Done {});
    world.advance(Duration::from_secs(1));
    assert_eq!(world.rules(), 0);
}

#[test]
fn a_label_is_not_handed_out_again_while_in_use_or_quiet() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let labels = |world: &mut World, route, undo: bool| {
        // The same "random" numbers every time.
        world.node(middle).body.labels = 1;
        let message = reserve(world, route);
        let reply = world.deliver(setup_key(), middle, message);
        if undo {
            world.deliver(setup_key(), middle, NodeMessage::Undo { route: RouteId::from_bytes([route; 16]) });
        }
        let Reply::Reserved { forward: Some(forward), backward: Some(backward) } = reply else { panic!() };
        [forward, backward]
    };
    let quiet = labels(&mut world, 1, true);
    let in_use = labels(&mut world, 2, false);
    let third = labels(&mut world, 3, true);
    assert!(in_use.iter().all(|label| !quiet.contains(label)));
    assert!(third.iter().all(|label| !quiet.contains(label) && !in_use.contains(label)));
    world.advance(ROUTING_ID_QUIET);
    assert_eq!(labels(&mut world, 4, true), quiet, "usable again");
}

#[test]
fn zero_is_never_a_label() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    // The number before zero in the sequence of `Body::draw`.
    world.node(middle).body.labels = 634_785_765;
    assert_eq!(world.node(middle).body.clone().draw(), 0);
    let message = reserve(&world, 1);
    let Reply::Reserved { forward, .. } = world.deliver(setup_key(), middle, message) else { panic!() };
    assert!(forward.is_some_and(|label| label != RoutingId::TRANSPORT));
}

#[test]
fn everything_is_forgotten_once_leases_and_quiet_times_are_over() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    run.finish(&mut world, |_| Fate::Arrives);
    assert!(world.nodes.values().all(|node| node.book.counts().rules > 0));
    world.advance(RESERVATION_LEASE);
    world.advance(ROUTING_ID_QUIET);
    for at in [0, 1, 2] {
        let key = world.secrets[at].public();
        assert_eq!(world.node(key).book.counts().rules, 0);
        assert_eq!(world.node(key).book.poll_timeout(), None);
    }
    world.advance(Duration::from_secs(400));
    let destination = world.destination();
    assert_eq!(world.node(destination).book.poll_timeout(), None, "the replay window is over as well");
}

#[test]
fn a_route_that_the_forwarder_removed_by_itself_is_gone_for_the_rule_book() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    run.finish(&mut world, |_| Fate::Arrives);
    let (now, route, middle) = (world.now, run.saga.route(), world.secrets[1].public());
    let node = world.node(middle);
    node.table.remove(&route);
    node.book.removed(now, route);
    assert_eq!(node.book.routes().count(), 0);
    assert_eq!(world.deliver(setup_key(), middle, NodeMessage::Undo { route }), Reply::Done {});
}

#[test]
fn a_source_that_gave_up_refuses_its_own_route_and_drops_what_was_installed() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    let (now, source, route) = (world.now, world.source(), run.saga.route());
    assert_eq!(world.node(source).book.abandon(now, route), None);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    assert_eq!(crate::world::failure_code(&outcome), Some(Code::Denied));

    let mut run = world.ask(2);
    run.finish(&mut world, |_| Fate::Arrives);
    let effect = world.node(source).book.abandon(now, run.saga.route());
    assert_eq!(effect, Some(byway_setup::Effect::Remove { route: run.saga.route() }));
}

#[test]
fn an_awaited_route_is_awaited_no_longer_than_its_source_waits() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    world.advance(SETUP_TIMEOUT);
    run.happen(&mut world, 0, Fate::Arrives);
    let Some(crate::world::Event::Reply(_, Ok(Reply::Failed { failure }))) = run.under_way.last() else {
        panic!()
    };
    assert_eq!(failure.code, Code::Denied);
}
