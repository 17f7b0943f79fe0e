//! What a node gives back by itself, and what it remembers.

use std::time::Duration;

use byway_base::{
    Code, RouteId, RoutingId,
    limits::{ROUTE_LEASE, ROUTING_ID_QUIET, SETUP_TIMEOUT},
};
use byway_setup::{Effect, Outcome, Refusal, Surroundings};
use byway_wire::setup::{NodeMessage, Reply, Role};

use crate::world::{Fate, World, failure_code, setup_key};

#[test]
fn rules_that_nobody_uses_end_with_their_lease_and_not_before() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let message = world.install_in_the_middle(1);
    assert_eq!(world.deliver(setup_key(), middle, message), Reply::Done {});
    world.advance(ROUTE_LEASE - Duration::from_secs(1));
    assert_eq!(world.rules(), 1);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.rules(), 0);
}

#[test]
fn a_label_is_not_taken_again_while_in_use_or_quiet() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    // The setup node draws the same labels every time.
    let install = |world: &mut World, route| {
        world.labels = 1;
        let message = world.install_in_the_middle(route);
        world.deliver(setup_key(), middle, message)
    };
    let taken = |reply: &Reply| matches!(reply, Reply::Failed { failure } if failure.code == Code::Conflict);
    assert_eq!(install(&mut world, 1), Reply::Done {});
    assert!(taken(&install(&mut world, 2)), "in use");
    world.deliver(setup_key(), middle, NodeMessage::Undo { route: RouteId::from_bytes([1; 16]) });
    assert!(taken(&install(&mut world, 3)), "quiet");
    world.advance(ROUTING_ID_QUIET);
    assert_eq!(install(&mut world, 4), Reply::Done {});
}

#[test]
fn a_refused_label_leaves_the_other_label_free() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let first = world.install_in_the_middle(1);
    world.deliver(setup_key(), middle, first.clone());
    let NodeMessage::Install { role: Role::Intermediate { next: taken }, .. } = first else { panic!() };
    let NodeMessage::Install { initiator, previous, .. } = world.install_in_the_middle(2) else { panic!() };
    let role = Role::Intermediate { next: taken };
    let route = RouteId::from_bytes([2; 16]);
    let clash = NodeMessage::Install { route, initiator, previous, role };
    assert_eq!(world.refusal(setup_key(), middle, clash), Code::Conflict);
    let NodeMessage::Install { role, .. } = world.install_in_the_middle(2) else { panic!() };
    let again = NodeMessage::Install { route, initiator, previous, role };
    assert_eq!(world.deliver(setup_key(), middle, again), Reply::Done {});
}

#[test]
fn zero_is_never_a_label_of_a_source() {
    let mut world = World::new(2);
    let (now, source, first) = (world.now, world.source(), world.hops[0].transport);
    let node = world.node(source);
    // The number before zero in the sequence of `Body::draw`.
    node.body.labels = 634_785_765;
    assert_eq!(node.body.clone().draw(), 0);
    let label = node.book.ask(now, setup_key(), RouteId::from_bytes([1; 16]), first, &mut node.body);
    assert!(label.is_ok_and(|label| label != RoutingId::TRANSPORT));
}

#[test]
fn everything_is_forgotten_once_leases_and_quiet_times_are_over() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    run.finish(&mut world, |_| Fate::Arrives);
    assert!(world.nodes.values().all(|node| node.book.counts().rules > 0));
    world.advance(ROUTE_LEASE);
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
fn a_source_that_gave_up_takes_no_answer_and_drops_what_was_installed() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    let (now, source, route) = (world.now, world.source(), run.saga.route());
    assert_eq!(world.node(source).book.abandon(now, route), None);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    assert!(!world.tell(route, &outcome));

    let mut run = world.ask(2);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    assert!(world.tell(run.saga.route(), &outcome));
    let effect = world.node(source).book.abandon(now, run.saga.route());
    assert_eq!(effect, Some(Effect::Remove { route: run.saga.route() }));
}

#[test]
fn an_answer_is_taken_no_longer_than_the_source_waits() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    assert!(matches!(outcome, Outcome::Established { .. }));
    world.advance(SETUP_TIMEOUT);
    assert!(!world.tell(run.saga.route(), &outcome));
}

#[test]
fn a_source_that_lost_its_transport_takes_no_answer() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    let (now, source, route) = (world.now, world.source(), run.saga.route());
    let Outcome::Established { label_out } = outcome else { panic!("{:?}", failure_code(&outcome)) };
    let node = world.node(source);
    node.body.transports.clear();
    let refused = node.book.established(now, setup_key(), route, label_out, &node.body);
    assert!(matches!(refused, Err(Refusal::TransportDown(_))));
}
