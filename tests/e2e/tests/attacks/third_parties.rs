//! Row 4: routes between third parties.

use byway_base::{Code, OverlayAddress, Port, RouteId, RoutingId, SecretKey, limits::ROUTE_REQUEST_TTL};
use byway_clock::unix_now;
use byway_node::{Node, PathChoice};
use byway_wire::{
    Hop, RouteRequest, SignedRouteRequest,
    route_request::path_digest,
    setup::{InitiatorTag, NodeMessage, Reply, Role, Side},
};

use crate::support::{Hand, Plane, key, secret, tcp_between};

const PORT: Port = Port(80);

fn hop(from: &Node, to: &Node) -> Hop {
    Hop { transport: tcp_between(from.key(), to.key()), from: from.key(), to: to.key() }
}

/// A request for a route over `hops`, signed by whoever.
fn request(route: u8, hops: &[Hop], signer: &SecretKey) -> SignedRouteRequest {
    let (source, destination) = (hops[0].from, hops[hops.len() - 1].to);
    let request = RouteRequest {
        route: RouteId::from_bytes([route; 16]),
        source: OverlayAddress { key: source, port: Port(50_000) },
        destination: OverlayAddress { key: destination, port: PORT },
        path: path_digest(hops),
        expires: unix_now().plus(ROUTE_REQUEST_TTL),
    };
    request.sign(signer)
}

fn code(reply: &Reply) -> Option<Code> {
    if let Reply::Failed { failure } = reply { Some(failure.code) } else { None }
}

fn no_rules(nodes: &[Node]) {
    assert!(nodes.iter().all(|node| node.rules() == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setup_node_installs_no_route_for_anybody_but_its_source() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let nodes = plane.row(&[1, 2, 3], &[setup_node.key]).await;
    let _listener = nodes[2].listen(PORT).unwrap();
    let hops = [hop(&nodes[0], &nodes[1]), hop(&nodes[1], &nodes[2])];
    let stranger = Hand::start(&secret(66), &plane).await;
    // The source's own true request, captured and brought by another.
    let captured = request(1, &hops, &secret(1));
    assert_eq!(code(&stranger.ask_for_route(setup_node.key, &captured, &hops).await), Some(Code::Denied));
    let forged = request(2, &hops, &secret(66));
    assert_eq!(code(&stranger.ask_for_route(setup_node.key, &forged, &hops).await), Some(Code::Denied));
    let mut renamed = forged.clone();
    renamed.request.source.key = key(66);
    let reply = stranger.ask_for_route(setup_node.key, &renamed, &hops).await;
    assert_eq!(code(&reply), Some(Code::BadSignature));
    no_rules(&nodes);

    let to = OverlayAddress { key: nodes[2].key(), port: PORT };
    nodes[0].dial(to, PathChoice::default()).await.expect("the source itself gets its route");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_proved_the_sources_key_still_needs_the_sources_signature_on_exactly_this_path() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let nodes = plane.row(&[2, 3], &[setup_node.key]).await;
    // The source is by hand, so that it can send what a node would not.
    let source = Hand::start(&secret(1), &plane).await;
    let hops =
        [Hop { transport: tcp_between(key(1), key(2)), from: key(1), to: key(2) }, hop(&nodes[0], &nodes[1])];
    let forged = request(1, &hops, &secret(66));
    let reply = source.ask_for_route(setup_node.key, &forged, &hops).await;
    assert_eq!(code(&reply), Some(Code::BadSignature));
    let mut elsewhere = request(2, &hops, &secret(1));
    elsewhere.request.destination.port = Port(81);
    let reply = source.ask_for_route(setup_node.key, &elsewhere, &hops).await;
    assert_eq!(code(&reply), Some(Code::BadSignature));
    let signed = request(3, &hops, &secret(1));
    let mut other = hops;
    other[1].transport = tcp_between(key(2), key(4));
    assert_eq!(code(&source.ask_for_route(setup_node.key, &signed, &other).await), Some(Code::BadPath));
    no_rules(&nodes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ends_refuse_what_a_trusted_but_malicious_setup_node_makes_up() {
    let plane = Plane::start().await;
    let malicious = Hand::start(&secret(240), &plane).await;
    let nodes = plane.row(&[1, 2], &[malicious.key()]).await;
    let (source, destination) = (&nodes[0], &nodes[1]);
    let _listener = destination.listen(PORT).unwrap();
    let hops = [hop(source, destination)];
    let transport = hops[0].transport;
    let install = async |at: &Node, route: u8, request: SignedRouteRequest| {
        let label = RoutingId(u32::from(route));
        let install = NodeMessage::Install {
            route: RouteId::from_bytes([route; 16]),
            initiator: InitiatorTag::default(),
            previous: Side { transport, label_in: label, label_out: label },
            role: Role::Destination { request },
        };
        code(&malicious.call(at.key(), install).await)
    };
    let as_destination = async |route, request| install(destination, route, request).await;
    assert_eq!(as_destination(1, request(1, &hops, &secret(66))).await, Some(Code::BadSignature));
    assert_eq!(as_destination(2, request(2, &hops, &secret(240))).await, Some(Code::BadSignature));
    let back = [hop(destination, source)];
    assert_eq!(as_destination(3, request(3, &back, &secret(2))).await, Some(Code::Denied), "to another node");
    assert_eq!(as_destination(4, request(9, &hops, &secret(1))).await, Some(Code::Denied), "another route's");
    let mut deaf = request(5, &hops, &secret(1)).request;
    deaf.destination.port = Port(81);
    assert_eq!(as_destination(5, deaf.sign(&secret(1))).await, Some(Code::NoListener));
    let mut stale = request(6, &hops, &secret(1)).request;
    stale.expires.0 -= 1_000;
    assert_eq!(as_destination(6, stale.sign(&secret(1))).await, Some(Code::ClockSkew));

    // Nor is a node the source of a route because somebody else says so.
    assert_eq!(install(source, 7, request(7, &hops, &secret(1))).await, Some(Code::Denied));
    no_rules(&nodes);
}
