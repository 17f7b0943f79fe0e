//! Row 8: one key in the name of another.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use byway_base::{Code, PublicKey, RoutingId, SecretKey};
use byway_messaging_client::ALPN_TRANSPORT;
use byway_net::{
    Identity,
    quic::{self, QuicConnectError, QuicProfile},
    virtual_path::synthetic_address,
};
use byway_node::{Node, PathChoice, Wanted};
use byway_testkit::wait::until;
use byway_wire::{Kind, Packet};
use quinn::{Connection, ConnectionError};
use tokio::{net::TcpListener, time::timeout};
use tokio_rustls::TlsAcceptor;

use crate::support::{
    ALPN, HandLink, HandNode, LinkSender, PATIENCE, PORT, PacketPath, Plane, RawRequest, echo, echo_of,
    endpoint_through, entry, key, secret, tcp as tcp_type, tcp_between,
};

/// The protocol of sessions.
const SESSION: &[u8] = b"byway-session/1";
/// What hand-made endpoints call their peer and themselves.
const ADDRESSES: [SocketAddr; 2] = [address(1), address(2)];

const fn address(last: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last)), 1)
}

/// A hand-made QUIC endpoint on one side of a route: what comes under one label, what goes under another.
fn endpoint_on(mut link: HandLink, comes: RoutingId, goes: RoutingId, secret: &SecretKey) -> quinn::Endpoint {
    let sender: LinkSender = link.sender();
    let path = PacketPath::new(ADDRESSES[0], move |packet| {
        sender.send(&Packet::new(Kind::Data, goes, Bytes::copy_from_slice(packet)));
    });
    let arriving = path.clone();
    tokio::spawn(async move {
        while let Some(packet) = link.receive().await {
            if packet.kind == Kind::Data && packet.flags == 0 && packet.routing_id == comes {
                arriving.push(&packet.payload);
            }
        }
    });
    quic::endpoint(path, ADDRESSES[1], &Identity::new(secret.clone()), &[SESSION], &QuicProfile::session())
        .unwrap()
}

/// The other end ends the connection and says why. If this end hears that late, the other has forgotten it already, and
/// says only so.
async fn turned_away(dialled: Result<Connection, QuicConnectError>, why: &[u8]) {
    let reason = match dialled {
        Ok(connection) => timeout(PATIENCE, connection.closed()).await.unwrap(),
        Err(QuicConnectError::Refused(reason) | QuicConnectError::Broken(reason)) => reason,
        Err(error) => panic!("{error:?}"),
    };
    match reason {
        ConnectionError::ApplicationClosed(close) => assert_eq!(close.reason, why),
        ConnectionError::Reset => {}
        other => panic!("{other:?}"),
    }
}

/// Two nodes, and an impostor between them.
async fn with_impostor(plane: &Plane) -> (Node, Node, HandNode, PathChoice) {
    let setup_node = plane.setup_node().await;
    let (source, destination) =
        (plane.node(1, &[setup_node.key]).await, plane.node(3, &[setup_node.key]).await);
    let impostor = HandNode::between(plane, &secret(66), &source, &destination).await;
    let path = vec![tcp_between(key(1), key(66)), tcp_between(key(66), key(3))];
    plane.path_known(&source, destination.key()).await;
    (source, destination, impostor, PathChoice::exactly(path))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_the_path_cannot_answer_in_the_destinations_place() {
    let plane = Plane::start().await;
    let (source, destination, mut impostor, choice) = with_impostor(&plane).await;
    echo(&destination);
    let answering = async {
        let crossing = impostor.crossing().await;
        let HandNode { previous, .. } = impostor;
        let endpoint = endpoint_on(previous, crossing.forward.0, crossing.backward.1, &secret(66));
        let incoming = endpoint.accept().await.unwrap();
        assert!(quic::accept(incoming, PATIENCE).await.is_err(), "the source turns away");
        std::future::pending::<()>().await;
    };
    let refused = tokio::select! {
        dialled = source.dial(echo_of(&destination), choice) => dialled.unwrap_err(),
        () = answering => unreachable!("it waits for ever"),
    };
    assert_eq!(refused.code, Code::Denied, "{refused}");
    assert!(source.sessions().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_the_path_cannot_begin_a_session_over_the_sources_route() {
    let plane = Plane::start().await;
    let (source, destination, mut impostor, choice) = with_impostor(&plane).await;
    let mut listener = destination.listen(PORT).unwrap();
    let to = echo_of(&destination);
    let dialling = tokio::spawn(async move { source.dial(to, choice).await.map(drop) });
    let crossing = impostor.crossing().await;
    let HandNode { next, .. } = impostor;
    let endpoint = endpoint_on(next, crossing.backward.0, crossing.forward.1, &secret(66));
    let (identity, profile) = (Identity::new(secret(66)), QuicProfile::session());
    let dialled =
        quic::connect(&endpoint, &identity, ADDRESSES[0], to.key, SESSION, &profile, PATIENCE).await;
    if let Ok(connection) = &dialled {
        // Whether these bytes still leave or not, no app may hear of them.
        if let Ok((mut send, _receive)) = connection.open_bi().await {
            let _ = send.write_all(&[1, b'x']).await;
        }
    }
    turned_away(dialled, b"not your route").await;
    dialling.abort();
    tokio::select! {
        biased;
        incoming = listener.accept() => panic!("an app got {incoming:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_answers_with_another_key_becomes_no_transport() {
    let plane = Plane::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = plane.node_config(1, &[]);
    let address = Some(listener.local_addr().unwrap());
    config.transports = vec![Wanted { kind: tcp_type(), peer: key(2), address: address.map(Into::into) }];
    let node = Node::start(config).await.unwrap();
    let acceptor = TlsAcceptor::from(Identity::new(secret(66)).server_config(&[ALPN]));
    for _attempt in 0..2 {
        let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let handshake = timeout(PATIENCE, acceptor.accept(stream)).await.unwrap();
        assert!(handshake.is_err(), "the node turns away before it proves anything");
    }
    assert!(node.transports().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_one_key_signed_in_the_name_of_another_is_refused() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let named = |request: RawRequest, by: PublicKey, of: PublicKey| {
        let signature = request.signature.replace(&by.to_string(), &of.to_string());
        assert_ne!(signature, request.signature, "the key is in there");
        RawRequest { signature, ..request }
    };
    let signed = entry(&secret(1), &secret(2), byway_clock::unix_now());
    let (path, body) =
        (format!("/v1/transports/{}", signed.entry.id()), serde_json::to_string(&signed).unwrap());
    let to = plane.transport_discovery.address;
    let forged = named(RawRequest::signed(&secret(66), "PUT", to, &path, &body), key(66), key(1));
    assert_eq!(forged.send(to).await, (401, "BW-BAD-SIGNATURE".to_owned()));

    // The administrator's name does not help, nor does a true signature by whoever is none.
    let to = setup_node.address;
    let by_eve = RawRequest::signed(&secret(66), "GET", to, "/v1/routes", "");
    let forged = named(by_eve.clone(), key(66), key(250));
    assert_eq!(forged.send(to).await, (401, "BW-BAD-SIGNATURE".to_owned()));
    assert_eq!(by_eve.send(to).await, (403, "BW-DENIED".to_owned()));
    let unsigned = RawRequest { signature: format!("byway-key: {}\r\n", key(250)), ..by_eve };
    assert_eq!(unsigned.send(to).await, (401, "BW-UNSIGNED".to_owned()));
}

/// A connection to a node through messaging whose datagrams come from the key of `client`, but whose handshake proves
/// the key of `identity`.
async fn dial_as(
    plane: &Plane,
    client: &SecretKey,
    identity: &SecretKey,
    node: PublicKey,
) -> Result<Connection, QuicConnectError> {
    let endpoint = endpoint_through(plane, client, node).await;
    let (identity, profile) = (Identity::new(identity.clone()), QuicProfile::messaging());
    let to = synthetic_address(&node);
    quic::connect(&endpoint, &identity, to, node, ALPN_TRANSPORT, &profile, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_through_messaging_is_who_it_proved_to_be_to_the_server_and_to_the_node_alike() {
    let plane = Plane::start().await;
    let node = plane.node(1, &[]).await;
    let deceived = dial_as(&plane, &secret(66), &secret(67), node.key()).await;
    turned_away(deceived, b"not the key that your packets come from").await;

    // The same by hand with one key is an honest peer.
    let honest = dial_as(&plane, &secret(66), &secret(66), node.key()).await.unwrap();
    honest.open_bi().await.unwrap().0.write_all(&[1]).await.unwrap();
    let still = until("answer", PATIENCE, async || match honest.close_reason() {
        None if honest.stats().udp_rx.datagrams > 3 => Ok(()),
        other => Err(format!("{other:?}")),
    });
    still.await;
}
