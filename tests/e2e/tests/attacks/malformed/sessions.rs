//! Garbage of a source that has a route: instead of QUIC, and on the streams of a session.

use std::net::SocketAddr;

use bytes::Bytes;
use byway_base::{OverlayAddress, Port, RouteId, RoutingId, limits::ROUTE_REQUEST_TTL};
use byway_clock::unix_now;
use byway_net::{
    Identity,
    quic::{self, QuicProfile},
};
use byway_node::Node;
use byway_wire::{
    Hop, Kind, Packet, RouteRequest,
    route_request::path_digest,
    setup::{InitiatorTag, NodeMessage, Reply, Role, Side},
};
use tokio::time::timeout;

use super::{ATTEMPTS, count_panics, nothing_panicked};
use crate::support::{Garbage, Hand, HandLink, PATIENCE, PORT, PacketPath, Plane, echo, key, secret};

/// Under which packets of the destination come to the hand-made source.
const BACK: RoutingId = RoutingId(9);
/// And the other way round.
const THERE: RoutingId = RoutingId(7);

/// Installs a route of one hop from a hand-made source at its destination.
async fn route_to(hand: &Hand, destination: &Node, link: &HandLink) {
    let hops = [Hop { transport: link.transport(), from: key(66), to: destination.key() }];
    let route = RouteId::from_bytes([1; 16]);
    let request = RouteRequest {
        route,
        source: OverlayAddress { key: key(66), port: Port(50_000) },
        destination: OverlayAddress { key: destination.key(), port: PORT },
        path: path_digest(&hops),
        expires: unix_now().plus(ROUTE_REQUEST_TTL),
    };
    let request = request.sign(&secret(66));
    let previous = Side { transport: link.transport(), label_in: THERE, label_out: BACK };
    let (initiator, role) = (InitiatorTag::default(), Role::Destination { request });
    let install = NodeMessage::Install { route, initiator, previous, role };
    assert_eq!(hand.call(destination.key(), install).await, Reply::Done {});
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_takes_no_harm_from_garbage_over_a_route_and_on_the_streams_of_a_session() {
    count_panics();
    let plane = Plane::start().await;
    let hand = Hand::start(&secret(240), &plane).await;
    let destination = plane.node(1, &[hand.key()]).await;
    echo(&destination);
    let mut link = HandLink::open(&secret(66), &destination).await;
    route_to(&hand, &destination, &link).await;

    let (mut garbage, sender) = (Garbage::new(), link.sender());
    for attempt in 0..ATTEMPTS {
        let payload: Bytes = garbage.bytes(attempt * 20).into();
        sender.send(&Packet::new(Kind::Data, THERE, payload.clone()));
        sender.send(&Packet::new(Kind::Datagram, THERE, payload));
    }
    let out = link.sender();
    let peer: SocketAddr = "[fd00::1]:1".parse().unwrap();
    let path = PacketPath::new(peer, move |packet| {
        out.send(&Packet::new(Kind::Data, THERE, Bytes::copy_from_slice(packet)));
    });
    let arriving = path.clone();
    tokio::spawn(async move {
        while let Some(packet) = link.receive().await {
            if packet.kind == Kind::Data && packet.routing_id == BACK {
                arriving.push(&packet.payload);
            }
        }
    });
    let (identity, profile) = (Identity::new(secret(66)), QuicProfile::session());
    let endpoint = quic::endpoint(path, "[fd00::2]:1".parse().unwrap(), &identity, &[], &profile).unwrap();
    let to = destination.key();
    let session =
        quic::connect(&endpoint, &identity, peer, to, b"byway-session/1", &profile, PATIENCE).await.unwrap();

    for first in (0..=255u8).filter(|first| *first != 1) {
        let (mut send, mut receive) = session.open_bi().await.unwrap();
        send.write_all(&[&[first][..], &garbage.bytes(100)].concat()).await.unwrap();
        let answer = timeout(PATIENCE, receive.read_to_end(1)).await.unwrap();
        assert!(answer.is_err(), "{first} begins no stream: {answer:?}");
    }
    let (mut send, mut receive) = session.open_bi().await.unwrap();
    send.write_all(b"\x01well").await.unwrap();
    send.finish().unwrap();
    assert_eq!(timeout(PATIENCE, receive.read_to_end(100)).await.unwrap().unwrap(), b"\x01well");
    nothing_panicked();
}
