//! Row 5: rules pushed by who may not, and by who may beyond its quota.

use byway_base::{Code, RouteId, RoutingId};
use byway_node::Node;
use byway_setup::Quotas;
use byway_testkit::wait::until;
use byway_wire::setup::{InitiatorTag, NodeMessage, Reply, Role};

use crate::support::{Hand, PATIENCE, Plane, key, listed, secret, tcp_between, tcp_to};

/// The node `2` with transports to `1` and `3`, which never ask for anything.
async fn middle(plane: &Plane, setup_node: &Hand, quotas: Quotas) -> [Node; 3] {
    let ends = [1, 3].map(|seed| plane.node_config(seed, &[]));
    let [first, last] = ends.map(Node::start);
    let (first, last) = (first.await.unwrap(), last.await.unwrap());
    let mut config = plane.node_config(2, &[setup_node.key()]);
    (config.transports, config.rule_quotas) = (vec![tcp_to(&first), tcp_to(&last)], quotas);
    let middle = Node::start(config).await.unwrap();
    let both = async || if middle.transports().len() == 2 { Ok(()) } else { Err("not both are up") };
    until("transports", PATIENCE, both).await;
    for node in [&first, &middle, &last] {
        listed(node.messaging()).await;
    }
    [first, middle, last]
}

fn reserve(route: u8) -> NodeMessage {
    let (previous, next) = (tcp_between(key(1), key(2)), tcp_between(key(2), key(3)));
    NodeMessage::Reserve {
        route: RouteId::from_bytes([route; 16]),
        initiator: InitiatorTag::default(),
        previous: Some(previous),
        next: Some(next),
    }
}

fn code(reply: &Reply) -> Option<Code> {
    if let Reply::Failed { failure } = reply { Some(failure.code) } else { None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_from_a_key_that_is_no_trusted_setup_node_are_refused_and_counted() {
    let plane = Plane::start().await;
    let trusted = Hand::start(&secret(240), &plane).await;
    let [first, middle, _last] = middle(&plane, &trusted, Quotas::default()).await;
    let stranger = Hand::start(&secret(66), &plane).await;
    let route = RouteId::from_bytes([1; 16]);
    let role = Role::Intermediate { forward: RoutingId(7), backward: RoutingId(9) };
    let messages = [
        reserve(1),
        NodeMessage::Install { route, role: role.clone() },
        NodeMessage::Confirm { route },
        NodeMessage::Undo { route },
    ];
    for message in &messages {
        let reply = stranger.call(middle.key(), message.clone()).await;
        assert_eq!(code(&reply), Some(Code::UntrustedSetup), "{message:?}");
    }
    let counts = middle.setup_counts();
    assert_eq!((counts.refused_untrusted, counts.rules, middle.rules()), (4, 0, 0));
    // A node that trusts nobody refuses those as well whom others trust.
    assert_eq!(code(&trusted.call(first.key(), reserve(1)).await), Some(Code::UntrustedSetup));

    // What a trusted one installed is not the stranger's to undo.
    assert!(matches!(trusted.call(middle.key(), reserve(1)).await, Reply::Reserved { .. }));
    assert_eq!(trusted.call(middle.key(), NodeMessage::Install { route, role }).await, Reply::Done {});
    let reply = stranger.call(middle.key(), NodeMessage::Undo { route }).await;
    assert_eq!((code(&reply), middle.rules()), (Some(Code::UntrustedSetup), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_setup_node_gets_no_rules_beyond_its_quota() {
    let plane = Plane::start().await;
    let greedy = Hand::start(&secret(240), &plane).await;
    let quotas = Quotas { rules: 100, rules_per_setup_node: 10, ..Quotas::default() };
    let [_first, middle, _last] = middle(&plane, &greedy, quotas).await;
    for route in 0..5 {
        assert!(matches!(greedy.call(middle.key(), reserve(route)).await, Reply::Reserved { .. }));
        // Giving back at once does not help: a label that was handed out counts until it is forgotten.
        let undo = NodeMessage::Undo { route: RouteId::from_bytes([route; 16]) };
        assert_eq!(greedy.call(middle.key(), undo).await, Reply::Done {});
    }
    for route in 5..25 {
        assert_eq!(code(&greedy.call(middle.key(), reserve(route)).await), Some(Code::Limit));
    }
    let counts = middle.setup_counts();
    assert_eq!((counts.refused_setup_node_quota, counts.rules, middle.rules()), (20, 10, 0));
}
