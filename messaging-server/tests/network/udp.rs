//! What the server does over UDP: QUIC and STUN on one socket.

use std::net::SocketAddr;

use bytes::Bytes;
use byway_base::limits::MESSAGING_PAYLOAD_MAX;
use byway_traversal::stun::{self, TransactionId};
use byway_wire::messaging::Frame;
use tokio::net::UdpSocket;

use crate::support::{Raw, Server, Start, key};

fn receive(from: u8, payload: &Bytes) -> Option<Frame> {
    Some(Frame::Receive { source: key(from), payload: payload.clone() })
}

#[tokio::test]
async fn clients_over_quic_and_over_tls_reach_each_other() {
    let server = Server::start(1).await;
    let (mut tls, mut quic) = (Raw::connect(10, &server).await, Raw::connect_quic(11, &server).await);
    for length in [0, 1, 1_200, MESSAGING_PAYLOAD_MAX] {
        let payload = Bytes::from(vec![length as u8; length]);
        tls.send(&Frame::Send { destination: key(11), payload: payload.clone() }).await;
        assert_eq!(quic.receive().await, receive(10, &payload));
        quic.send(&Frame::Send { destination: key(10), payload: payload.clone() }).await;
        assert_eq!(tls.receive().await, receive(11, &payload));
    }
    drop(quic);
    // The newest session wins, whatever carries it.
    let mut quic = Raw::connect_quic(10, &server).await;
    assert_eq!(tls.receive().await, None);
    quic.send(&Frame::Ping(4)).await;
    assert_eq!(quic.receive().await, Some(Frame::Pong(4)));
}

#[tokio::test]
async fn stun_says_where_a_request_came_from_on_the_port_of_quic() {
    let server = Server::start(1).await;
    let _client = Raw::connect_quic(10, &server).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let id = TransactionId([7; 12]);
    socket.send_to(&stun::binding_request(id), server.udp).await.unwrap();
    let mut answer = [0; 600];
    let (length, from) = socket.recv_from(&mut answer).await.unwrap();
    let answer = stun::Message::parse(&answer[..length]).unwrap();
    assert_eq!((from, answer.id(), answer.mapped()), (server.udp, id, Some(socket.local_addr().unwrap())));
}

#[tokio::test]
async fn one_server_takes_both_families() {
    let listen = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], 0));
    let mut server = Server::start_with(1, Start { listen, ..Default::default() }).await;
    let (tcp, udp) = (server.at.address.port(), server.udp.port());
    assert_eq!(tcp, udp);
    for (n, host) in [(10, "127.0.0.1"), (20, "[::1]")] {
        server.at.address = format!("{host}:{tcp}").parse().unwrap();
        server.udp = format!("{host}:{udp}").parse().unwrap();
        Raw::connect(n, &server).await;
        Raw::connect_quic(n + 1, &server).await;
        let socket = UdpSocket::bind(format!("{host}:0")).await.unwrap();
        socket.send_to(&stun::binding_request(TransactionId([1; 12])), server.udp).await.unwrap();
        let mut answer = [0; 600];
        let (length, _) = socket.recv_from(&mut answer).await.unwrap();
        let mapped = stun::Message::parse(&answer[..length]).unwrap().mapped();
        assert_eq!(mapped, Some(socket.local_addr().unwrap()));
    }
}
