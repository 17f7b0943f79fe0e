//! Row 12: a setup node that dies between any two steps, of a route that a node asked for and of one that nobody awaits.

use byway_base::{
    OverlayAddress, Port, RouteId, RoutingId,
    limits::{RESERVATION_LEASE, ROUTE_REQUEST_TTL},
};
use byway_clock::unix_now;
use byway_node::{Node, PathChoice};
use byway_testkit::wait::until;
use byway_wire::{
    RouteRequest,
    route_request::path_digest,
    setup::{InitiatorTag, NodeMessage, Reply, Role},
};
use futures_util::future::join_all;

use crate::support::{Hand, PATIENCE, Plane, dial_echo, echo, exchange, key, secret, tcp_between};

/// Calls of a whole setup on three nodes: each reserves, installs and confirms.
const CALLS: usize = 9;
/// The same where the source is left out.
const GHOST_CALLS: usize = 6;
/// First port of the apps that are dialled in vain.
const PORTS: u16 = 1_000;

/// Rules that each node holds, reservations not included.
fn rules(nodes: &[Node]) -> Vec<usize> {
    nodes.iter().map(Node::rules).collect()
}

/// Asks the last two nodes, and not the first, for a route whose source nobody knows, and stops after so many calls. So
/// nobody but the leases can end it.
async fn ghost(hand: &Hand, nodes: &[Node], number: u8, calls: usize) {
    let route = RouteId::from_bytes([number; 16]);
    let transport = |a: usize, b: usize| tcp_between(nodes[a].key(), nodes[b].key());
    let reserve = |previous, next| NodeMessage::Reserve {
        route,
        initiator: InitiatorTag::default(),
        previous: Some(previous),
        next,
    };
    let install = |role| NodeMessage::Install { route, role };
    let request = RouteRequest {
        route,
        source: OverlayAddress { key: key(99), port: Port(50_000) },
        destination: OverlayAddress { key: nodes[2].key(), port: Port(PORTS) },
        path: path_digest(&[]),
        expires: unix_now().plus(ROUTE_REQUEST_TTL),
    };
    let request = request.sign(&secret(99));
    let (mut forward, mut backward) = (RoutingId(1), RoutingId(1));
    let to_source = RoutingId(7_000 + u32::from(number));
    for call in 0..calls {
        let (node, message) = match call {
            0 => (1, reserve(transport(0, 1), Some(transport(1, 2)))),
            1 => (2, reserve(transport(1, 2), None)),
            2 => (2, install(Role::Destination { request: request.clone(), backward })),
            3 => (1, install(Role::Intermediate { forward, backward: to_source })),
            4 => (2, NodeMessage::Confirm { route }),
            _ => (1, NodeMessage::Confirm { route }),
        };
        match hand.call(nodes[node].key(), message).await {
            Reply::Reserved { backward: Some(label), .. } => backward = label,
            Reply::Reserved { forward: Some(label), .. } => forward = label,
            Reply::Done {} => {}
            reply => panic!("call {call}: {reply:?}"),
        }
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
            ghost(&hand, &nodes, calls as u8, calls.min(GHOST_CALLS)).await;
        }
        let built = rules(&nodes);
        // It answers no more, but the sources wait for it: nobody is told that it is dead.
        (unanswered, built)
    };
    let (dialled, (unanswered, built)) = tokio::join!(dialling, dying);
    assert!(dialled.iter().all(Result::is_err), "nobody is told that such a route stands");
    assert!(built.iter().all(|rules| *rules >= 6), "routes were half built: {built:?}");
    let none = async || match rules(&nodes) {
        rules if rules.iter().all(|rules| *rules == 0) => Ok(()),
        rules => Err(format!("rules of the nodes: {rules:?}")),
    };
    until("empty rule tables", PATIENCE + RESERVATION_LEASE, none).await;
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
