//! Attempts to get rules that one may not have (`security.md`, rows 4, 5, 11).

use std::time::Duration;

use byway_base::{
    Code, Port, PublicKey, RouteId, RoutingId, UnixTime,
    limits::{CLOCK_SKEW, RESERVATION_LEASE, ROUTE_REQUEST_TTL, ROUTING_ID_QUIET},
};
use byway_setup::{Outcome, Quotas, Saga, Step};
use byway_wire::{
    SignedRouteRequest,
    route_request::path_digest,
    setup::{InitiatorTag, NodeMessage, Reply, Role},
};

use crate::world::{Fate, Run, World, failure_code, initiators, secret, setup_key};

fn refused(world: &World, request: SignedRouteRequest, caller: PublicKey) -> Code {
    let mut saga = Saga::new(world.now, world.clock, request, &world.hops, caller, &initiators());
    assert_eq!(saga.poll_action(), None, "nobody is asked anything");
    assert_eq!((saga.is_finished(), saga.failed_in()), (true, Some(Step::Check)));
    failure_code(&saga.outcome().expect("it is finished")).expect("it has failed")
}

/// Reserves at the destination and tries to install there.
fn install_at_destination(world: &mut World, route: RouteId, request: SignedRouteRequest) -> Reply {
    let destination = world.destination();
    let previous = world.hops.last().map(|hop| hop.transport);
    let reply = world.deliver(
        setup_key(),
        destination,
        NodeMessage::Reserve { route, initiator: InitiatorTag::default(), previous, next: None },
    );
    assert!(matches!(reply, Reply::Reserved { .. }), "{reply:?}");
    let role = Role::Destination { request, backward: RoutingId(5) };
    world.deliver(setup_key(), destination, NodeMessage::Install { route, role })
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
fn every_message_from_a_key_that_is_no_trusted_setup_node_is_refused_and_counted() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let route = RouteId::from_bytes([1; 16]);
    let (previous, next) = (Some(world.hops[0].transport), Some(world.hops[1].transport));
    let role = Role::Intermediate { forward: RoutingId(7), backward: RoutingId(9) };
    let messages = [
        NodeMessage::Reserve { route, initiator: InitiatorTag::default(), previous, next },
        NodeMessage::Install { route, role },
        NodeMessage::Confirm { route },
        NodeMessage::Undo { route },
    ];
    for message in messages {
        assert_eq!(world.refusal(secret(99).public(), middle, message), Code::UntrustedSetup);
    }
    let counts = world.node(middle).book.counts();
    assert_eq!((counts.rules, counts.refused_untrusted), (0, 4));
}

#[test]
fn a_trusted_setup_node_gets_no_rule_beyond_its_quota_not_even_by_undoing_in_a_loop() {
    let mut world =
        World::with_quotas(2, Quotas { rules: 100, rules_per_setup_node: 10, ..Quotas::default() });
    let middle = world.secrets[1].public();
    let (previous, next) = (Some(world.hops[0].transport), Some(world.hops[1].transport));
    let reserve = |route| NodeMessage::Reserve {
        route: RouteId::from_bytes([route; 16]),
        initiator: InitiatorTag::default(),
        previous,
        next,
    };
    for route in 0..5 {
        assert!(matches!(world.deliver(setup_key(), middle, reserve(route)), Reply::Reserved { .. }));
        world.deliver(setup_key(), middle, NodeMessage::Undo { route: RouteId::from_bytes([route; 16]) });
    }
    for route in 5..50 {
        assert_eq!(world.refusal(setup_key(), middle, reserve(route)), Code::Limit);
    }
    let counts = world.node(middle).book.counts();
    assert_eq!((counts.rules, counts.refused_setup_node_quota), (10, 45));
    world.advance(ROUTING_ID_QUIET);
    assert!(matches!(world.deliver(setup_key(), middle, reserve(50)), Reply::Reserved { .. }));
}

#[test]
fn the_quota_of_the_node_bounds_all_setup_nodes_together() {
    let mut world = World::with_quotas(2, Quotas { rules: 3, rules_per_setup_node: 3, ..Quotas::default() });
    let middle = world.secrets[1].public();
    let (previous, next) = (Some(world.hops[0].transport), Some(world.hops[1].transport));
    let reserve = |route| NodeMessage::Reserve {
        route: RouteId::from_bytes([route; 16]),
        initiator: InitiatorTag::default(),
        previous,
        next,
    };
    assert!(matches!(world.deliver(setup_key(), middle, reserve(1)), Reply::Reserved { .. }));
    assert_eq!(world.refusal(setup_key(), middle, reserve(2)), Code::Limit);
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
    let reserve = NodeMessage::Reserve {
        route,
        initiator: InitiatorTag::default(),
        previous: Some(world.hops[1].transport),
        next: None,
    };
    world.deliver(setup_key(), destination, NodeMessage::Undo { route });
    let last = signed.request.expires.plus(CLOCK_SKEW);
    while world.clock < last {
        assert_eq!(world.refusal(setup_key(), destination, reserve.clone()), Code::Replayed);
        world.advance(RESERVATION_LEASE);
    }
    let reply = install_at_destination(&mut world, route, signed);
    assert_eq!(code(&reply), Some(Code::ClockSkew));
}

#[test]
fn the_source_accepts_only_the_request_that_it_awaits_over_its_own_first_transport_and_once() {
    let mut world = World::new(2);
    let source = world.source();
    let first = world.hops[0].transport;
    let reserve = |route, next| NodeMessage::Reserve {
        route,
        initiator: InitiatorTag::default(),
        previous: None,
        next: Some(next),
    };
    let signed = world.request(1).sign(&world.secrets[0]);
    let route = signed.request.route;
    assert_eq!(world.refusal(setup_key(), source, reserve(route, first)), Code::Denied, "not awaited");

    let now = world.now;
    world.node(source).book.expect(now, signed.clone(), first);
    let other = world.hops[1].transport;
    assert_eq!(world.refusal(setup_key(), source, reserve(route, other)), Code::Denied, "another first hop");

    assert!(matches!(world.deliver(setup_key(), source, reserve(route, first)), Reply::Reserved { .. }));
    let mut elsewhere = world.request(1);
    elsewhere.destination.port = Port(81);
    let role = Role::Source { request: elsewhere.sign(&secret(99)), forward: RoutingId(3) };
    assert_eq!(world.refusal(setup_key(), source, NodeMessage::Install { route, role }), Code::Denied);
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
    let (request, now, first) = (request.sign(middle), world.now, hops[0].transport);
    let middle = middle.public();
    world.node(middle).book.expect(now, request.clone(), first);
    let mut attack = Run::new(Saga::new(now, world.clock, request, &hops, middle, &initiators()));
    let (outcome, _) = attack.finish(&mut world, |_| Fate::Arrives);
    assert_eq!(failure_code(&outcome), Some(Code::Replayed));
    assert_eq!(world.rules(), rules);
}

#[test]
fn only_the_setup_node_that_reserved_may_install_confirm_or_undo() {
    let (mut world, other) = (World::new(2), secret(201).public());
    let middle = world.secrets[1].public();
    let quotas = Quotas::default();
    world.node(middle).book = byway_setup::RuleBook::new(middle, [setup_key(), other], quotas);
    let route = RouteId::from_bytes([1; 16]);
    let (previous, next) = (Some(world.hops[0].transport), Some(world.hops[1].transport));
    let role = Role::Intermediate { forward: RoutingId(7), backward: RoutingId(9) };
    world.deliver(
        setup_key(),
        middle,
        NodeMessage::Reserve { route, initiator: InitiatorTag::default(), previous, next },
    );
    let install = NodeMessage::Install { route, role };
    assert_eq!(world.refusal(other, middle, install.clone()), Code::Denied);
    assert_eq!(world.deliver(setup_key(), middle, install.clone()), Reply::Done {});
    assert_eq!(world.refusal(setup_key(), middle, install), Code::Conflict);
    assert_eq!(world.refusal(other, middle, NodeMessage::Confirm { route }), Code::Denied);
    assert_eq!(world.refusal(other, middle, NodeMessage::Undo { route }), Code::Denied);
    assert_eq!(
        world.refusal(
            other,
            middle,
            NodeMessage::Reserve { route, initiator: InitiatorTag::default(), previous, next }
        ),
        Code::Replayed
    );
    assert_eq!(world.rules(), 1);
}

#[test]
fn senseless_messages_are_refused() {
    let mut world = World::new(2);
    let middle = world.secrets[1].public();
    let destination = world.destination();
    let [a, b] = [world.hops[0].transport, world.hops[1].transport];
    let route = RouteId::from_bytes([1; 16]);
    let reserve =
        |previous, next| NodeMessage::Reserve { route, initiator: InitiatorTag::default(), previous, next };
    assert_eq!(world.refusal(setup_key(), middle, reserve(None, None)), Code::Protocol);
    assert_eq!(world.refusal(setup_key(), middle, reserve(Some(a), Some(a))), Code::Protocol);
    world.node(middle).body.transports.retain(|(transport, _)| *transport != b);
    assert_eq!(world.refusal(setup_key(), middle, reserve(Some(a), Some(b))), Code::TransportDown);
    assert_eq!(world.refusal(setup_key(), middle, NodeMessage::Confirm { route }), Code::NotFound);
    world.node(middle).body.transports.push((b, destination));

    world.deliver(setup_key(), middle, reserve(Some(a), Some(b)));
    assert_eq!(world.refusal(setup_key(), middle, NodeMessage::Confirm { route }), Code::NotFound);
    let role = Role::Intermediate { forward: RoutingId::TRANSPORT, backward: RoutingId(9) };
    assert_eq!(world.refusal(setup_key(), middle, NodeMessage::Install { route, role }), Code::Protocol);
    assert_eq!(world.rules(), 0);
}

#[test]
fn a_node_that_answers_nonsense_fails_the_setup() {
    let mut world = World::new(2);
    let mut run = world.ask(1);
    run.happen(&mut world, 0, Fate::Arrives);
    let Some(crate::world::Event::Reply(call, _)) = run.under_way.pop() else { panic!() };
    let nonsense = Reply::Reserved { forward: Some(RoutingId(1)), backward: Some(RoutingId::TRANSPORT) };
    run.saga.handle_reply(world.now, call, Ok(nonsense));
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    let Outcome::Failed(failure) = outcome else { panic!() };
    assert_eq!(failure.code, Code::Protocol);
    assert_eq!(world.rules(), 0);
}
