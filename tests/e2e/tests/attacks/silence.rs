//! Row 9, and the silent half of row 14: who holds places without saying what for keeps no honest peer out.

use std::net::SocketAddr;

use byway_base::{RouteId, TransportType, limits::MESSAGING_CONNECTIONS_PER_PEER};
use byway_messaging_client::{ALPN_SERVER, ALPN_SETUP, ALPN_TRANSPORT, Config, MessagingClient};
use byway_net::{
    Expect, Identity,
    quic::{self, QuicProfile},
    tcp,
    virtual_path::synthetic_address,
};
use byway_node::PathChoice;
use byway_testkit::wait::until;
use byway_wire::{
    messaging::Frame,
    setup::{NodeMessage, Reply},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::support::{
    Hand, HandLink, PATIENCE, Plane, dial_echo, echo, endpoint_through, exchange, secret, send_raw,
    tcp_between, verdict,
};

/// Connections held open at one port: many times what one address may have under way there.
const SILENT: usize = 300;
/// Transports begun and not agreed on: more than a node agrees on at once, and than wait for it.
const BEGUN: usize = 700;
/// Connections by public key that one peer tries to hold.
const CONNECTIONS: usize = 40;

/// Connections that say nothing, and such as stop within their first word.
async fn occupy(address: SocketAddr, first_word: &[u8]) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for number in 0..SILENT {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if number % 3 == 0 {
            stream.write_all(first_word).await.unwrap();
        }
        held.push(stream);
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_silent_and_half_begun_connections_keep_no_honest_peer_out() {
    // How a TLS handshake and an HTTP request begin.
    const HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    const REQUEST: &[u8] = b"GET /v1/sta";
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let nodes = plane.row(&[1, 2], &[setup_node.key]).await;
    echo(&nodes[1]);

    let transports = occupy(nodes[1].listen_address().unwrap(), HELLO).await;
    HandLink::open(&secret(50), &nodes[1]).await;
    drop(transports);

    let server = plane.server();
    let clients = occupy(server.address, HELLO).await;
    let (identity, expect) = (Identity::new(secret(51)), Expect::Exactly(server.key));
    let mut honest =
        tcp::connect(server.address, &identity, expect, ALPN_SERVER, PATIENCE).await.unwrap().stream;
    let mut ping = Vec::new();
    Frame::Ping(7).write(&mut ping);
    honest.write_all(&ping).await.unwrap();
    let mut pong = vec![0; ping.len()];
    timeout(PATIENCE, honest.read_exact(&mut pong)).await.unwrap().unwrap();
    drop(clients);

    for service in [&plane.transport_discovery, &plane.messaging_discovery, &plane.route_finder, &setup_node]
    {
        let callers = occupy(service.address, REQUEST).await;
        let request =
            format!("GET /v1/stats HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", service.address);
        assert_eq!(verdict(&send_raw(service.address, request.as_bytes()).await).0, 200);
        drop(callers);
    }
    let mut stream = dial_echo(&nodes[0], &nodes[1], PathChoice::default()).await;
    exchange(&mut stream, b"all is well").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_begins_transports_without_end_keeps_no_other_peer_out() {
    let plane = Plane::start().await;
    let victim = plane.node(1, &[]).await;
    let mut config = Config::new(secret(66));
    config.servers = vec![plane.server()];
    let stop = CancellationToken::new();
    let eve = MessagingClient::start(config, stop.clone()).unwrap();
    eve.ready().await;
    let connection = eve.connect(victim.key(), ALPN_TRANSPORT).await.unwrap();
    let mut begun = Vec::new();
    for _ in 0..BEGUN {
        let (mut send, receive) = connection.open_bi().await.unwrap();
        send.write_all(&[1]).await.unwrap();
        begun.push((send, receive));
    }

    let honest = plane.node(2, &[]).await;
    let kind = TransportType::new("messaging").unwrap();
    honest.open_transport(&kind, victim.key()).await.unwrap();
    let up = async || match victim.transports().len() {
        1 => Ok(()),
        count => Err(format!("{count} are up")),
    };
    until("honest transport and no other", PATIENCE, up).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setup_node_that_takes_requests_and_never_answers_keeps_no_route_from_its_source() {
    let plane = Plane::start().await;
    let mut silent = Hand::start(&secret(240), &plane).await;
    let other = plane.setup_node().await;
    let nodes = plane.row(&[1, 2, 3], &[silent.key(), other.key]).await;
    let [source, middle, destination] = &nodes[..] else { panic!("three nodes") };
    echo(destination);
    let path = [(source, middle), (middle, destination)].map(|(a, b)| tcp_between(a.key(), b.key()));
    let choice = PathChoice::exactly(path.to_vec());
    let (mut stream, asked) = tokio::join!(dial_echo(source, destination, choice), silent.asked());
    exchange(&mut stream, b"by way of the other one").await;

    // Whatever it installs later, nobody uses.
    silent.set_up(&asked, usize::MAX).await;
    exchange(&mut stream, b"still").await;
    assert_eq!((source.rules(), source.sessions()[0].routes.len()), (2, 1));
    let lapsed = async || match (middle.rules(), destination.rules()) {
        (2, 2) => Ok(()),
        rules => Err(format!("{rules:?}")),
    };
    until("end of the rules that nobody uses", PATIENCE, lapsed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_holds_more_connections_to_a_node_than_its_share() {
    let plane = Plane::start().await;
    let trusted = Hand::start(&secret(240), &plane).await;
    let node = plane.node(1, &[trusted.key()]).await;
    let endpoint = endpoint_through(&plane, &secret(66), node.key()).await;
    let (identity, profile) = (Identity::new(secret(66)), QuicProfile::messaging());
    let to = synthetic_address(&node.key());
    let dial = |alpn| quic::connect(&endpoint, &identity, to, node.key(), alpn, &profile, PATIENCE);
    for alpn in [ALPN_SETUP, ALPN_TRANSPORT] {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            // One that is refused may break before this end takes it for established.
            held.extend(dial(alpn).await.ok());
        }
        let all_but_its_share = async || {
            let open = held.iter().filter(|connection| connection.close_reason().is_none()).count();
            if open == MESSAGING_CONNECTIONS_PER_PEER { Ok(()) } else { Err(format!("{open} are open")) }
        };
        until("refused connections", PATIENCE, all_but_its_share).await;

        // Places that are given back are there again.
        held.iter().for_each(|connection| connection.close(0u32.into(), b"done"));
        let again = async || {
            let again = dial(alpn).await.map_err(|error| error.to_string())?;
            let (mut send, mut receive) = again.open_bi().await.map_err(|error| error.to_string())?;
            send.write_all(b"?").await.map_err(|error| error.to_string())?;
            send.finish().map_err(|error| error.to_string())?;
            // Either protocol ends a stream on which it was told this, and not the connection.
            let _ = timeout(PATIENCE, receive.read_to_end(1_000)).await;
            again.close_reason().map_or(Ok(()), |reason| Err(reason.to_string()))
        };
        until("free place", PATIENCE, again).await;
    }
    let undo = NodeMessage::Undo { route: RouteId::from_bytes([1; 16]) };
    assert_eq!(trusted.call(node.key(), undo).await, Reply::Done {}, "the trusted one is served");
}
