//! QUIC links over real UDP on loopback.

use std::{net::SocketAddr, time::Duration};

use byway_net::{
    HandshakeLimits,
    quic::{
        QuicConnectError,
        udp::{UdpEndpoint, UdpLink, UdpListener},
    },
};
use tokio::net::UdpSocket;

use crate::{PATIENCE, identity};

const ALPN: &[u8] = b"byway-test";

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn listener(limits: HandshakeLimits) -> (UdpEndpoint, UdpListener, SocketAddr) {
    let (endpoint, listener) = UdpEndpoint::listener(loopback(), identity(2), ALPN, limits).unwrap();
    let address = endpoint.local_address().unwrap();
    (endpoint, listener, address)
}

async fn meet(dialler: &UdpEndpoint, listener: &mut UdpListener, address: SocketAddr) -> (UdpLink, UdpLink) {
    let dial = dialler.connect(address, identity(2).public(), PATIENCE);
    let (dialled, accepted) = tokio::join!(dial, listener.accept());
    (dialled.unwrap(), accepted.unwrap())
}

#[tokio::test]
async fn both_ends_learn_the_key_that_the_other_proved() {
    let (_endpoint, mut listener, address) = listener(HandshakeLimits::default());
    let (dialler, own) = (UdpEndpoint::dialler(identity(1), ALPN).unwrap(), identity(1).public());
    let (dialled, accepted) = meet(&dialler, &mut listener, address).await;
    assert_eq!((dialled.peer, accepted.peer), (identity(2).public(), own));
    assert!(dialled.gauge.window() > 0);
}

#[tokio::test]
async fn an_endpoint_that_accepts_dials_from_the_same_port() {
    let (endpoint, _listener, address) = listener(HandshakeLimits::default());
    let (other, mut others, there) = {
        let (endpoint, listener) =
            UdpEndpoint::listener(loopback(), identity(3), ALPN, HandshakeLimits::default()).unwrap();
        let address = endpoint.local_address().unwrap();
        (endpoint, listener, address)
    };
    let dial = endpoint.connect(there, identity(3).public(), PATIENCE);
    let (dialled, accepted) = tokio::join!(dial, others.accept());
    assert_eq!(dialled.unwrap().peer, identity(3).public());
    assert_eq!(accepted.unwrap().connection.remote_address(), address);
    drop(other);
}

#[tokio::test]
async fn a_peer_with_another_key_than_expected_is_refused() {
    let (_endpoint, _listener, address) = listener(HandshakeLimits::default());
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let dialled = dialler.connect(address, identity(3).public(), PATIENCE).await;
    assert!(matches!(dialled, Err(QuicConnectError::WrongPeer)), "{dialled:?}");
}

#[tokio::test]
async fn a_silent_peer_is_given_up_in_time() {
    let silent = UdpSocket::bind(loopback()).await.unwrap();
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let to = silent.local_addr().unwrap();
    let dialled = dialler.connect(to, identity(2).public(), Duration::from_millis(50)).await;
    assert!(matches!(dialled, Err(QuicConnectError::Timeout(_))), "{dialled:?}");
}

/// First packets of handshakes that their dialler does not go on with, each from a socket of its own.
async fn begin_handshakes(count: usize, to: SocketAddr) -> Vec<UdpSocket> {
    let dialler = UdpEndpoint::dialler(identity(9), ALPN).unwrap();
    let mut sockets = Vec::new();
    for _ in 0..count {
        // One for each: the dialler takes leave of the one before.
        let sink = UdpSocket::bind(loopback()).await.unwrap();
        let expect = identity(2).public();
        let dial = dialler.connect(sink.local_addr().unwrap(), expect, PATIENCE);
        let mut first = [0; 2_048];
        let length = tokio::select! {
            received = sink.recv(&mut first) => received.unwrap(),
            dialled = dial => panic!("{dialled:?}"),
        };
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        socket.send_to(&first[..length], to).await.unwrap();
        sockets.push(socket);
    }
    sockets
}

#[tokio::test]
async fn silent_diallers_and_garbage_cost_a_slot_each_and_delay_no_honest_one() {
    // The silent ones would hold their slots for a whole day.
    let day = Duration::from_secs(86_400);
    let (_endpoint, mut listener, address) =
        listener(HandshakeLimits { at_once: 4, per_address: 4, timeout: day });
    let silent = begin_handshakes(8, address).await;
    for socket in &silent {
        for garbage in [&[0xff; 1_200][..], b"GET / HTTP/1.1", &[0xc0; 1_200]] {
            socket.send_to(garbage, address).await.unwrap();
        }
    }
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let (_, accepted) = meet(&dialler, &mut listener, address).await;
    assert_eq!(accepted.peer, identity(1).public());
}

#[tokio::test]
async fn under_load_a_dialler_proves_its_address_and_comes_in() {
    let at_once = 2 * byway_base::limits::HANDSHAKES_UNVALIDATED;
    let day = Duration::from_secs(86_400);
    let (_endpoint, mut listener, address) =
        listener(HandshakeLimits { at_once, per_address: at_once, timeout: day });
    let silent = begin_handshakes(byway_base::limits::HANDSHAKES_UNVALIDATED + 1, address).await;
    // The last one is asked to come again from where it says it is (RFC 9000, 17.2.5).
    let mut answer = [0; 2_048];
    silent.last().unwrap().recv(&mut answer).await.unwrap();
    assert_eq!(answer[0] & 0xf0, 0xf0);
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let (_, accepted) = meet(&dialler, &mut listener, address).await;
    assert_eq!(accepted.peer, identity(1).public());
}

#[tokio::test]
async fn a_dialler_that_moves_to_another_socket_keeps_its_connection() {
    let (_endpoint, mut listener, address) = listener(HandshakeLimits::default());
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let (dialled, accepted) = meet(&dialler, &mut listener, address).await;
    let before = accepted.connection.remote_address();
    let (mut send, bytes) = (dialled.connection.open_uni().await.unwrap(), vec![7; 1_000_000]);
    send.write_all(&bytes).await.unwrap();
    let mut receive = accepted.connection.accept_uni().await.unwrap();
    receive.read_exact(&mut vec![0; 500_000]).await.unwrap();
    dialler.rebind((std::net::Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
    send.write_all(&bytes).await.unwrap();
    send.finish().unwrap();
    let rest = tokio::time::timeout(PATIENCE, receive.read_to_end(2_000_000)).await.unwrap().unwrap();
    assert_eq!(rest.len(), 1_500_000);
    assert_ne!(accepted.connection.remote_address(), before);
}

#[tokio::test]
async fn the_path_is_found_to_carry_more_than_the_least() {
    let (_endpoint, mut listener, address) = listener(HandshakeLimits::default());
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let (dialled, accepted) = meet(&dialler, &mut listener, address).await;
    let echo = tokio::spawn(async move {
        let (mut send, mut receive) = accepted.connection.accept_bi().await.unwrap();
        let mut bytes = [0; 100];
        while receive.read_exact(&mut bytes).await.is_ok() {
            send.write_all(&bytes).await.unwrap();
        }
    });
    // Loopback carries jumbo frames. Probes go out while nothing else does.
    let (mut send, mut receive) = dialled.connection.open_bi().await.unwrap();
    while dialled.connection.stats().path.current_mtu < 8_000 {
        send.write_all(&[7; 100]).await.unwrap();
        tokio::time::timeout(PATIENCE, receive.read_exact(&mut [0; 100])).await.unwrap().unwrap();
    }
    send.finish().unwrap();
    echo.await.unwrap();
}
