//! QUIC links over real UDP on loopback.

use std::{net::SocketAddr, time::Duration};

use byway_net::{
    HandshakeLimits,
    quic::{
        QuicConnectError, negotiated_alpn,
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

/// The header of a STUN request, with a transaction ID of `fill`.
fn stun(fill: u8) -> [u8; 20] {
    let mut request = [fill; 20];
    request[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    request
}

#[tokio::test]
async fn stun_goes_beside_quic_on_the_same_port_in_both_directions() {
    let (endpoint, mut listener, address) = listener(HandshakeLimits::default());
    let channel = endpoint.side_channel();
    let mut received = channel.receiver().unwrap();
    assert!(channel.receiver().is_none(), "there is one receiver");
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let (dialled, accepted) = meet(&dialler, &mut listener, address).await;
    let mut send = dialled.connection.open_uni().await.unwrap();
    send.write_all(&[7; 300_000]).await.unwrap();
    send.finish().unwrap();
    let mut receive = accepted.connection.accept_uni().await.unwrap();

    let stranger = UdpSocket::bind(loopback()).await.unwrap();
    stranger.send_to(&stun(1), address).await.unwrap();
    // The dialler's socket serves both families; its peer sees and answers an IPv4 address.
    dialler.side_channel().send(address, &stun(2)).unwrap();
    let mut seen = [received.recv().await.unwrap(), received.recv().await.unwrap()];
    seen.sort_by_key(|(_, datagram)| datagram[19]);
    assert_eq!(seen[0], (stranger.local_addr().unwrap(), stun(1).to_vec().into()));
    assert_eq!(seen[1], (accepted.connection.remote_address(), stun(2).to_vec().into()));

    channel.send(seen[0].0, &stun(3)).unwrap();
    let mut answer = [0; 64];
    let (length, from) = stranger.recv_from(&mut answer).await.unwrap();
    assert_eq!((&answer[..length], from), (&stun(3)[..], address));
    let mut answers = dialler.side_channel().receiver().unwrap();
    channel.send(seen[1].0, &stun(4)).unwrap();
    assert_eq!(answers.recv().await.unwrap(), (address, stun(4).to_vec().into()));
    assert_eq!(receive.read_to_end(300_000).await.unwrap(), [7; 300_000]);
}

#[tokio::test]
async fn the_side_channel_follows_its_endpoint_to_another_socket_and_ends_with_it() {
    let (endpoint, listener, before) = listener(HandshakeLimits::default());
    let channel = endpoint.side_channel();
    let mut received = channel.receiver().unwrap();
    endpoint.rebind(loopback()).unwrap();
    let address = endpoint.local_address().unwrap();
    assert_ne!(before, address);
    let stranger = UdpSocket::bind(loopback()).await.unwrap();
    stranger.send_to(&stun(1), address).await.unwrap();
    let (from, _) = received.recv().await.unwrap();
    channel.send(from, &stun(2)).unwrap();
    let (_, via) = stranger.recv_from(&mut [0; 64]).await.unwrap();
    assert_eq!(via, address);
    drop((endpoint, listener));
    assert!(received.recv().await.is_none());
    assert_eq!(channel.send(from, &stun(3)).unwrap_err().kind(), std::io::ErrorKind::NotConnected);
}

#[tokio::test]
async fn what_the_side_channel_cannot_send_is_lost_without_an_error() {
    let (endpoint, _listener, _) = listener(HandshakeLimits::default());
    // From a socket on loopback there is no way to IPv6, nor beyond.
    for to in ["[2001:db8::1]:9", "192.0.2.1:9"] {
        endpoint.side_channel().send(to.parse().unwrap(), &stun(1)).unwrap();
    }
}

#[tokio::test]
async fn a_flood_beside_quic_is_dropped_beyond_the_queue_and_delays_no_connection() {
    let (endpoint, mut listener, address) = listener(HandshakeLimits::default());
    // Nobody reads it.
    let _received = endpoint.side_channel().receiver().unwrap();
    let stranger = UdpSocket::bind(loopback()).await.unwrap();
    for _ in 0..2 * byway_base::limits::SIDE_CHANNEL_QUEUE {
        stranger.send_to(&stun(1), address).await.unwrap();
    }
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    let (_, accepted) = meet(&dialler, &mut listener, address).await;
    assert_eq!(accepted.peer, identity(1).public());
}

#[tokio::test]
async fn one_socket_accepts_several_protocols_and_links_say_which() {
    const OTHER: &[u8] = b"byway-other-test";
    let limits = HandshakeLimits::default();
    let (endpoint, mut listener) =
        UdpEndpoint::listener_for(loopback(), identity(2), &[ALPN, OTHER], limits).unwrap();
    let (address, expect) = (endpoint.local_address().unwrap(), identity(2).public());
    let dialler = UdpEndpoint::dialler(identity(1), ALPN).unwrap();
    for alpn in [OTHER, ALPN] {
        let dial = dialler.connect_for(address, expect, alpn, PATIENCE);
        let (dialled, accepted) = tokio::join!(dial, listener.accept());
        assert_eq!(negotiated_alpn(&dialled.unwrap().connection).unwrap(), alpn);
        assert_eq!(negotiated_alpn(&accepted.unwrap().connection).unwrap(), alpn);
    }
    let dialled = dialler.connect_for(address, expect, b"byway-third-test", PATIENCE).await;
    assert!(matches!(dialled, Err(QuicConnectError::Refused(_))), "{dialled:?}");
}
