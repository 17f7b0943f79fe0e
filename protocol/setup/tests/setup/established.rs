//! When nothing goes wrong.

use byway_base::{RouteId, limits::RESERVATION_LEASE};
use byway_setup::{End, InstalledRoute, Outcome, Side};
use byway_wire::setup::NodeMessage;

use crate::world::{Fate, World};

/// Follows the labels from one end to the other, as a packet would; answers the nodes visited.
pub(crate) fn walk(world: &World, route: RouteId, forward: bool) -> usize {
    let towards = |rules: &InstalledRoute| if forward { rules.next } else { rules.previous };
    let from = |rules: &InstalledRoute| if forward { rules.previous } else { rules.next };
    let start = if forward { world.source() } else { world.destination() };
    let mut here = start;
    let mut visited = 1;
    let rules = |key| &world.nodes[&key].table[&route].0;
    while let Some(Side { transport, label_out, .. }) = towards(rules(here)) {
        let hop = world.hops.iter().find(|hop| hop.transport == transport).expect("a known transport");
        let there = if hop.from == here { hop.to } else { hop.from };
        let arrival = from(rules(there)).expect("the neighbour has a side towards us");
        assert_eq!((arrival.transport, arrival.label_in), (transport, label_out));
        here = there;
        visited += 1;
    }
    let end = rules(here).end.as_ref().expect("a packet stops only at an end");
    assert_eq!(matches!(end, End::Destination { .. }), forward);
    visited
}

#[test]
fn a_packet_finds_its_way_both_ways_along_an_established_route_of_any_length() {
    for hops in 1..=16 {
        let mut world = World::new(hops);
        let mut run = world.ask(1);
        let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
        assert_eq!(outcome, Outcome::Established);
        let nodes = usize::from(hops) + 1;
        assert_eq!(walk(&world, run.saga.route(), true), nodes);
        assert_eq!(walk(&world, run.saga.route(), false), nodes);
        assert!(world.nodes.values().all(|node| node.table.values().all(|(_, active)| *active)));
    }
}

#[test]
fn a_route_that_is_used_outlives_its_leases() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    run.finish(&mut world, |_| Fate::Arrives);
    world.nodes.values_mut().for_each(|node| node.body.used.push(run.saga.route()));
    world.advance(RESERVATION_LEASE * 100);
    assert_eq!(world.rules(), 4);
}

#[test]
fn rules_go_in_from_the_destination_to_the_source() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    run.finish(&mut world, |_| Fate::Arrives);
    let installs = run.sent.iter().filter(|(_, message)| matches!(message, NodeMessage::Install { .. }));
    let order: Vec<_> = installs.map(|(node, _)| *node).collect();
    let key = |at: usize| world.secrets[at].public();
    assert_eq!(order, [key(3), key(1), key(2), key(0)]);
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
