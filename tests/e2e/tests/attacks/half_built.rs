//! Row 12: a setup node that dies between any two steps, of a route that a node asked for and of one that nobody awaits.

use byway_base::{
    OverlayAddress, Port, RouteId, RoutingId,
    limits::{ROUTE_LEASE, ROUTE_REQUEST_TTL},
};
use byway_clock::unix_now;
use byway_node::{Node, PathChoice};
use byway_testkit::wait::until;
use byway_wire::{
    RouteRequest,
    route_request::path_digest,
    setup::{InitiatorTag, NodeMessage, Reply, Role, Side},
};
use futures_util::future::join_all;

use crate::support::{Hand, PATIENCE, Plane, dial_echo, echo, exchange, key, secret, tcp_between};

/// Calls of a whole setup on three nodes: all but the source are asked once.
const CALLS: usize = 2;
/// First port of the apps that are dialled in vain.
const PORTS: u16 = 1_000;

/// Rules that each node's forwarder has.
fn rules(nodes: &[Node]) -> Vec<usize> {
    nodes.iter().map(Node::rules).collect()
}

/// Asks the last two nodes, the last one first, for a route whose source nobody knows, and stops after so many calls. So
/// nobody but the leases can end it.
async fn ghost(hand: &Hand, nodes: &[Node], number: u8, calls: usize) {
    let route = RouteId::from_bytes([number; 16]);
    let side = |a: usize, b: usize, label: u32| {
        let label = RoutingId(label + u32::from(number));
        Side { transport: tcp_between(nodes[a].key(), nodes[b].key()), label_in: label, label_out: label }
    };
    let request = RouteRequest {
        route,
        source: OverlayAddress { key: key(99), port: Port(50_000) },
        destination: OverlayAddress { key: nodes[2].key(), port: Port(PORTS) },
        path: path_digest(&[]),
        expires: unix_now().plus(ROUTE_REQUEST_TTL),
    };
    let install =
        |previous, role| NodeMessage::Install { route, initiator: InitiatorTag::default(), previous, role };
    let last = install(side(1, 2, 7_000), Role::Destination { request: request.sign(&secret(99)) });
    let middle = install(side(0, 1, 8_000), Role::Intermediate { next: side(1, 2, 7_000) });
    for (node, message) in [(2, last), (1, middle)].into_iter().take(calls) {
        assert_eq!(hand.call(nodes[node].key(), message).await, Reply::Done {});
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setup_node_that_dies_after_any_of_its_steps_leaves_no_rule_behind() {
    let plane = Plane::start().await;
    let mut hand = Hand::start(&secret(240), &plane).await;
    let nodes = plane.row(&[1, 2, 3], &[hand.key()]).await;
    let [source, middle, destination] = &nodes[..] else { panic!("three nodes") };
    let listeners: Vec<_> =
        (0..=CALLS as u16).map(|i| destination.listen(Port(PORTS + i)).unwrap()).collect();
    let choice = || {
        PathChoice::exactly(vec![
            tcp_between(source.key(), middle.key()),
            tcp_between(middle.key(), destination.key()),
        ])
    };

    let dialling = join_all(listeners.iter().map(|listener| {
        source.dial(OverlayAddress { key: destination.key(), port: listener.port() }, choice())
    }));
    let dying = async {
        let mut unanswered = Vec::new();
        for calls in 0..=CALLS {
            let asked = hand.asked().await;
            hand.set_up(&asked, calls).await;
            unanswered.push(asked);
            ghost(&hand, &nodes, calls as u8, calls).await;
        }
        let built = rules(&nodes);
        // It answers no more, but the sources wait for it: nobody is told that it is dead.
        (unanswered, built)
    };
    let (dialled, (unanswered, built)) = tokio::join!(dialling, dying);
    assert!(dialled.iter().all(Result::is_err), "nobody is told that such a route stands");
    assert_eq!(built, [0, 6, 6], "routes were half built, two rules each");
    let none = async || match rules(&nodes) {
        rules if rules.iter().all(|rules| *rules == 0) => Ok(()),
        rules => Err(format!("rules of the nodes: {rules:?}")),
    };
    until("empty rule tables", PATIENCE + ROUTE_LEASE, none).await;
    drop(unanswered);

    // The same nodes, ports and setup node are as good as ever.
    echo(destination);
    let set_up = async {
        let asked = hand.asked().await;
        hand.obey(asked).await
    };
    let (mut stream, _) = tokio::join!(dial_echo(source, destination, choice()), set_up);
    exchange(&mut stream, b"all is well").await;
}
