//! Attempts to get rules that one may not have (`security.md`, rows 4, 5, 11).

use std::time::Duration;

use byway_base::{
    Code, Port, PublicKey, RouteId, RoutingId, UnixTime,
    limits::{CLOCK_SKEW, ROUTE_LEASE, ROUTE_REQUEST_TTL, ROUTING_ID_QUIET},
};
use byway_setup::{Asked, Outcome, Quotas, Refusal, Saga, Step};
use byway_wire::{
    SignedRouteRequest,
    route_request::path_digest,
    setup::{NodeMessage, Reply, Role},
};

use crate::world::{Fate, World, failure_code, initiators, secret, setup_key};

const LABEL: RoutingId = RoutingId(5);

fn refused(world: &World, request: SignedRouteRequest, caller: PublicKey) -> Code {
    refused_with(world, Asked { caller, request, hops: world.hops.clone(), label_in: LABEL })
}

fn refused_with(world: &World, asked: Asked) -> Code {
    let mut saga = Saga::new(world.now, world.clock, &asked, &initiators(), &mut || 1);
    assert_eq!(saga.poll_action(), None, "nobody is asked anything");
    assert_eq!((saga.is_finished(), saga.failed_in()), (true, Some(Step::Check)));
    failure_code(&saga.outcome().expect("it is finished")).expect("it has failed")
}

/// Tries to install at the destination.
fn install_at_destination(world: &mut World, route: RouteId, request: SignedRouteRequest) -> Reply {
    let (destination, message) = (world.destination(), world.install_at_the_end(route, request));
    world.deliver(setup_key(), destination, message)
}

fn code(reply: &Reply) -> Option<Code> {
    if let Reply::Failed { failure } = reply { Some(failure.code) } else { None }
}

#[test]
fn a_stranger_cannot_ask_the_setup_node_for_a_route_between_third_parties() {
    let world = World::new(3);
    let request = world.request(1);
    assert_eq!(refused(&world, request.clone().sign(&world.secrets[0]), secret(99).public()), Code::Denied);
    assert_eq!(refused(&world, request.sign(&secret(99)), world.source()), Code::BadSignature);
}

#[test]
fn a_tampered_path_or_request_is_refused_before_any_node_is_asked() {
    let mut world = World::new(3);
    let source = world.source();
    let signed = world.request(1).sign(&world.secrets[0]);
    let mut other_port = signed.clone();
    other_port.request.destination.port = Port(81);
    assert_eq!(refused(&world, other_port, source), Code::BadSignature);
    let stale = |expires| {
        let mut request = world.request(1);
        request.expires = expires;
        refused(&world, request.sign(&world.secrets[0]), source)
    };
    assert_eq!(stale(UnixTime(world.clock.0 - CLOCK_SKEW.as_secs())), Code::ClockSkew);
    assert_eq!(
        stale(world.clock.plus(ROUTE_REQUEST_TTL + CLOCK_SKEW + Duration::from_secs(1))),
        Code::ClockSkew
    );
    world.hops.swap(0, 1);
    assert_eq!(refused(&world, signed, source), Code::BadPath);
}

#[test]
fn paths_that_are_empty_looping_or_too_long_are_refused_though_signed() {
    let mut world = World::new(17);
    let source = world.source();
    assert_eq!(refused(&world, world.request(1).sign(&world.secrets[0]), source), Code::BadPath);
    world.hops.truncate(2);
    world.hops[1].to = source;
    let mut request = world.request(1);
    request.destination.key = source;
    assert_eq!(refused(&world, request.sign(&world.secrets[0]), source), Code::BadPath);
    world.hops.clear();
    assert_eq!(refused(&world, world.request(1).sign(&world.secrets[0]), source), Code::BadPath);
}

#[test]
fn a_request_without_a_label_of_the_source_is_refused() {
    let world = World::new(2);
    let request = world.request(1).sign(&world.secrets[0]);
    let label_in = RoutingId::TRANSPORT;
    let asked = Asked { caller: world.source(), request, hops: world.hops.clone(), label_in };
    assert_eq!(refused_with(&world, asked), Code::Protocol);
}

#[test]
fn every_message_from_a_key_that_is_no_trusted_setup_node_is_refused_and_counted() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let route = RouteId::from_bytes([1; 16]);
    let messages = [
        world.install_in_the_middle(1),
        NodeMessage::Undo { route },
        NodeMessage::Inspect { routes: vec![route] },
    ];
    for message in messages {
        assert_eq!(world.refusal(secret(99).public(), middle, message), Code::UntrustedSetup);
    }
    let counts = world.node(middle).book.counts();
    assert_eq!((counts.rules, counts.refused_untrusted), (0, 3));
}

#[test]
fn a_trusted_setup_node_gets_no_rule_beyond_its_quota_not_even_by_undoing_in_a_loop() {
    let mut world =
        World::with_quotas(2, Quotas { rules: 100, rules_per_setup_node: 10, ..Quotas::default() });
    let middle = world.secrets[1].public();
    for route in 0..5 {
        let message = world.install_in_the_middle(route);
        assert_eq!(world.deliver(setup_key(), middle, message), Reply::Done {});
        world.deliver(setup_key(), middle, NodeMessage::Undo { route: RouteId::from_bytes([route; 16]) });
    }
    for route in 5..50 {
        let message = world.install_in_the_middle(route);
        assert_eq!(world.refusal(setup_key(), middle, message), Code::Limit);
    }
    let counts = world.node(middle).book.counts();
    assert_eq!((counts.rules, counts.refused_setup_node_quota), (10, 45));
    world.advance(ROUTING_ID_QUIET);
    let message = world.install_in_the_middle(50);
    assert_eq!(world.deliver(setup_key(), middle, message), Reply::Done {});
}

#[test]
fn the_quota_of_the_node_bounds_all_setup_nodes_together() {
    let mut world = World::with_quotas(2, Quotas { rules: 3, rules_per_setup_node: 3, ..Quotas::default() });
    let middle = world.secrets[1].public();
    let messages = [world.install_in_the_middle(1), world.install_in_the_middle(2)];
    let [first, second] = messages;
    assert_eq!(world.deliver(setup_key(), middle, first), Reply::Done {});
    assert_eq!(world.refusal(setup_key(), middle, second), Code::Limit);
}

#[test]
fn the_destination_refuses_a_request_that_its_source_did_not_sign() {
    let mut world = World::new(2);
    let forged = world.request(1).sign(&secret(99));
    let reply = install_at_destination(&mut world, forged.request.route, forged);
    assert_eq!(code(&reply), Some(Code::BadSignature));
    assert_eq!(world.rules(), 0);
}

#[test]
fn the_destination_refuses_requests_to_others_to_unheard_ports_and_for_other_routes() {
    let mut world = World::new(2);
    let mut elsewhere = world.request(1);
    elsewhere.destination.key = secret(99).public();
    let mut deaf = world.request(2);
    deaf.destination.port = Port(81);
    let other_route = world.request(3);
    let cases = [(elsewhere, 1, Code::Denied), (deaf, 2, Code::NoListener), (other_route, 4, Code::Denied)];
    for (request, route, expected) in cases {
        let signed = request.sign(&world.secrets[0]);
        let reply = install_at_destination(&mut world, RouteId::from_bytes([route; 16]), signed);
        assert_eq!(code(&reply), Some(expected));
    }
    assert_eq!(world.rules(), 0);
}

#[test]
fn a_request_cannot_be_replayed_at_its_destination_as_long_as_it_would_verify() {
    let mut world = World::new(2);
    let signed = world.request(1).sign(&world.secrets[0]);
    let route = signed.request.route;
    assert_eq!(install_at_destination(&mut world, route, signed.clone()), Reply::Done {});
    let destination = world.destination();
    world.deliver(setup_key(), destination, NodeMessage::Undo { route });
    let last = signed.request.expires.plus(CLOCK_SKEW);
    while world.clock < last {
        let again = install_at_destination(&mut world, route, signed.clone());
        assert_eq!(code(&again), Some(Code::Replayed));
        world.advance(ROUTE_LEASE);
    }
    let reply = install_at_destination(&mut world, route, signed);
    assert_eq!(code(&reply), Some(Code::ClockSkew));
}

#[test]
fn the_source_takes_only_the_answer_that_it_awaits_from_whom_it_asked_and_once() {
    let mut world = World::new(2);
    let (now, source, first) = (world.now, world.source(), world.hops[0].transport);
    let [route, other] = [1, 2].map(|route| RouteId::from_bytes([route; 16]));
    let node = world.node(source);
    let unasked = node.book.established(now, setup_key(), route, LABEL, &node.body);
    assert_eq!(unasked, Err(Refusal::Unknown));
    node.book.ask(now, setup_key(), route, first, &mut node.body).unwrap();
    let answers = [
        (secret(201).public(), route, LABEL, Refusal::NotOwner),
        (setup_key(), other, LABEL, Refusal::Unknown),
        (setup_key(), route, RoutingId::TRANSPORT, Refusal::Shape),
    ];
    for (from, route, label, refusal) in answers {
        assert_eq!(node.book.established(now, from, route, label, &node.body), Err(refusal));
    }
    assert!(node.book.established(now, setup_key(), route, LABEL, &node.body).is_ok());
    let twice = node.book.established(now, setup_key(), route, LABEL, &node.body);
    assert_eq!(twice, Err(Refusal::Replayed));
}

#[test]
fn a_setup_node_cannot_make_a_node_the_source_of_a_route() {
    let mut world = World::new(2);
    let (source, first) = (world.source(), world.hops[0].transport);
    let request = world.request(1).sign(&world.secrets[0]);
    let mut message = world.install_at_the_end(request.request.route, request);
    if let NodeMessage::Install { previous, .. } = &mut message {
        previous.transport = first;
    }
    assert_eq!(world.refusal(setup_key(), source, message), Code::Denied);
    assert_eq!(world.rules(), 0);
}

#[test]
fn asking_for_a_route_under_the_id_of_another_does_not_get_the_other_undone() {
    let mut world = World::new(3);
    let mut run = world.ask(1);
    run.finish(&mut world, |_| Fate::Arrives);
    let rules = world.rules();
    let (middle, hops) = (&world.secrets[1], world.hops.split_off(1));
    let mut request = world.request(1);
    request.source.key = middle.public();
    request.path = path_digest(&hops);
    let asked = Asked { caller: middle.public(), request: request.sign(middle), hops, label_in: LABEL };
    let mut attack = world.run_asked(asked);
    let (outcome, _) = attack.finish(&mut world, |_| Fate::Arrives);
    assert_eq!(failure_code(&outcome), Some(Code::Replayed));
    assert_eq!(world.rules(), rules);
}

#[test]
fn only_the_setup_node_that_installed_may_undo_or_inspect() {
    let (mut world, other) = (World::new(2), secret(201).public());
    let middle = world.secrets[1].public();
    let quotas = Quotas::default();
    world.node(middle).book = byway_setup::RuleBook::new(middle, [setup_key(), other], quotas);
    let route = RouteId::from_bytes([1; 16]);
    let install = world.install_in_the_middle(1);
    assert_eq!(world.deliver(setup_key(), middle, install.clone()), Reply::Done {});
    assert_eq!(world.refusal(setup_key(), middle, install.clone()), Code::Replayed);
    assert_eq!(world.refusal(other, middle, install), Code::Replayed);
    assert_eq!(world.refusal(other, middle, NodeMessage::Undo { route }), Code::Denied);
    let inspect = NodeMessage::Inspect { routes: vec![route] };
    assert_eq!(world.deliver(other, middle, inspect), Reply::Held { routes: Vec::new() });
    assert_eq!(world.rules(), 1);
}

#[test]
fn senseless_messages_are_refused() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let good = world.install_in_the_middle(1);
    let NodeMessage::Install { route, initiator, previous, role: Role::Intermediate { next } } = good else {
        unreachable!("it installs an intermediate")
    };
    let install = |previous, next| NodeMessage::Install {
        route,
        initiator,
        previous,
        role: Role::Intermediate { next },
    };
    let zero = RoutingId::TRANSPORT;
    let senseless = [
        install(previous, previous),
        install(byway_wire::setup::Side { label_in: zero, ..previous }, next),
        install(previous, byway_wire::setup::Side { label_out: zero, ..next }),
    ];
    for message in senseless {
        assert_eq!(world.refusal(setup_key(), middle, message), Code::Protocol);
    }
    let transports = world.node(middle).body.transports.split_off(1);
    assert_eq!(world.refusal(setup_key(), middle, install(previous, next)), Code::TransportDown);
    world.node(middle).body.transports.extend(transports);
    assert_eq!(world.deliver(setup_key(), middle, NodeMessage::Undo { route }), Reply::Done {});
    assert_eq!(world.rules(), 0);
    // None of that used up the id or the labels.
    assert_eq!(world.deliver(setup_key(), middle, install(previous, next)), Reply::Done {});
}

#[test]
fn a_node_that_answers_nonsense_fails_the_setup() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    run.happen(&mut world, 0, Fate::Arrives);
    let Some(crate::world::Event::Reply(call, _)) = run.under_way.pop() else { panic!() };
    let nonsense = Reply::Held { routes: Vec::new() };
    run.saga.handle_reply(world.now, call, Ok(nonsense));
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    let Outcome::Failed(failure) = outcome else { panic!() };
    assert_eq!(failure.code, Code::Protocol);
    assert_eq!(world.rules(), 0);
}
