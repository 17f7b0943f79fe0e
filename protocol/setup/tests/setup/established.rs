//! When nothing goes wrong.

use byway_base::{Code, RouteId, limits::ROUTE_LEASE};
use byway_setup::{InstalledRoute, Outcome};
use byway_wire::setup::{NodeMessage, Reply, Side};

use crate::world::{Fate, World, failure_code, secret, setup_key};

/// Follows the labels from one end to the other, as a packet would; answers the nodes visited.
pub(crate) fn walk(world: &World, route: RouteId, forward: bool) -> usize {
    let towards = |rules: &InstalledRoute| if forward { rules.next } else { rules.previous };
    let from = |rules: &InstalledRoute| if forward { rules.previous } else { rules.next };
    let start = if forward { world.source() } else { world.destination() };
    let mut here = start;
    let mut visited = 1;
    let rules = |key| &world.nodes[&key].table[&route];
    while let Some(Side { transport, label_out, .. }) = towards(rules(here)) {
        let hop = world.hops.iter().find(|hop| hop.transport == transport).expect("a known transport");
        let there = if hop.from == here { hop.to } else { hop.from };
        let arrival = from(rules(there)).expect("the neighbour has a side towards us");
        assert_eq!((arrival.transport, arrival.label_in), (transport, label_out));
        here = there;
        visited += 1;
    }
    assert_eq!(rules(here).request.is_some(), forward, "the request tells the destination that it is one");
    visited
}

#[test]
fn a_packet_finds_its_way_both_ways_along_an_established_route_of_any_length() {
    for hops in 1..=16 {
        let mut world = World::new(hops);
        let mut run = world.ask(1);
        let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
        assert!(world.tell(run.saga.route(), &outcome));
        let nodes = usize::from(hops) + 1;
        assert_eq!(walk(&world, run.saga.route(), true), nodes);
        assert_eq!(walk(&world, run.saga.route(), false), nodes);
    }
}

#[test]
fn every_node_but_the_source_is_asked_once_and_all_before_any_has_answered() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    let asked: Vec<_> = run.sent.iter().map(|(node, _)| *node).collect();
    assert_eq!(asked, [1, 2, 3].map(|at: usize| world.secrets[at].public()));
    run.finish(&mut world, |_| Fate::Arrives);
    assert_eq!(run.sent.len(), asked.len());
}

#[test]
fn nodes_may_obey_in_any_order_and_nobody_is_told_before_the_last() {
    for last in 0..3 {
        let mut world = World::new(3);
        let mut run = world.ask(1);
        let late = run.under_way.remove(last);
        while !run.under_way.is_empty() {
            run.happen(&mut world, 0, Fate::Arrives);
        }
        assert_eq!(run.saga.outcome(), None);
        run.under_way.push(late);
        let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
        assert!(world.tell(run.saga.route(), &outcome));
    }
}

#[test]
fn a_route_that_is_used_outlives_its_lease() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    assert!(world.tell(run.saga.route(), &outcome));
    world.advance(ROUTE_LEASE * 100);
    assert_eq!(world.rules(), 4);
}

#[test]
fn a_label_that_a_node_has_in_use_fails_the_request_and_another_one_does_not() {
    let mut world = World::new(2);
    let drawn = world.labels;
    let mut first = world.ask(1);
    let (outcome, _) = first.finish(&mut world, |_| Fate::Arrives);
    assert!(world.tell(first.saga.route(), &outcome));
    // The setup node draws the same labels again.
    world.labels = drawn;
    let (outcome, _) = world.ask(2).finish(&mut world, |_| Fate::Arrives);
    assert_eq!((failure_code(&outcome), world.rules()), (Some(Code::Conflict), 3));
    let (outcome, _) = world.ask(3).finish(&mut world, |_| Fate::Arrives);
    assert!(matches!(outcome, Outcome::Established { .. }));
}

#[test]
fn a_node_tells_the_setup_node_that_installed_them_which_routes_it_has_and_nobody_else() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    let route = run.saga.route();
    world.tell(route, &outcome);
    let inspect = || NodeMessage::Inspect { routes: vec![RouteId::from_bytes([9; 16]), route] };
    for at in 0..3 {
        let node = world.secrets[at].public();
        assert_eq!(world.deliver(setup_key(), node, inspect()), Reply::Held { routes: vec![route] });
        assert_eq!(world.refusal(secret(99).public(), node, inspect()), Code::UntrustedSetup);
        world.deliver(setup_key(), node, NodeMessage::Undo { route });
        assert_eq!(world.deliver(setup_key(), node, inspect()), Reply::Held { routes: Vec::new() });
    }
}

#[test]
fn intermediates_learn_nothing_about_the_ends() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    run.finish(&mut world, |_| Fate::Arrives);
    let (source, destination) = (world.source(), world.destination());
    for (node, message) in &run.sent {
        if *node != source && *node != destination {
            let bytes = byway_wire::setup::encode_message(message);
            for end in [source, destination] {
                assert!(!bytes.windows(32).any(|window| window == end.as_bytes()), "{message:?}");
            }
        }
    }
}
