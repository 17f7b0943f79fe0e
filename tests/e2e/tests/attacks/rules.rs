//! Row 5: rules pushed by who may not, and by who may beyond its quota.

use byway_base::{Code, RouteId, RoutingId};
use byway_node::Node;
use byway_setup::Quotas;
use byway_testkit::wait::until;
use byway_wire::setup::{InitiatorTag, NodeMessage, Reply, Role, Side};

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

fn install(route: u8) -> NodeMessage {
    let side = |a, b, label: u32| {
        let label_in = RoutingId(1_000 * u32::from(route) + label);
        Side { transport: tcp_between(key(a), key(b)), label_in, label_out: label_in }
    };
    NodeMessage::Install {
        route: RouteId::from_bytes([route; 16]),
        initiator: InitiatorTag::default(),
        previous: side(1, 2, 1),
        role: Role::Intermediate { next: side(2, 3, 2) },
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
    let messages = [install(1), NodeMessage::Undo { route }, NodeMessage::Inspect { routes: vec![route] }];
    for message in &messages {
        let reply = stranger.call(middle.key(), message.clone()).await;
        assert_eq!(code(&reply), Some(Code::UntrustedSetup), "{message:?}");
    }
    let counts = middle.setup_counts();
    assert_eq!((counts.refused_untrusted, counts.rules, middle.rules()), (3, 0, 0));
    // A node that trusts nobody refuses those as well whom others trust.
    assert_eq!(code(&trusted.call(first.key(), install(1)).await), Some(Code::UntrustedSetup));

    // What a trusted one installed is not the stranger's to undo.
    assert_eq!(trusted.call(middle.key(), install(1)).await, Reply::Done {});
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
        assert_eq!(greedy.call(middle.key(), install(route)).await, Reply::Done {});
        // Giving back at once does not help: a label counts until it is forgotten.
        let undo = NodeMessage::Undo { route: RouteId::from_bytes([route; 16]) };
        assert_eq!(greedy.call(middle.key(), undo).await, Reply::Done {});
    }
    for route in 5..25 {
        assert_eq!(code(&greedy.call(middle.key(), install(route)).await), Some(Code::Limit));
    }
    let counts = middle.setup_counts();
    assert_eq!((counts.refused_setup_node_quota, counts.rules, middle.rules()), (20, 10, 0));
}
