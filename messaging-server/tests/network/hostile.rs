//! Clients that harm nobody but themselves.

use std::collections::BTreeSet;

use bytes::Bytes;
use byway_base::limits::MESSAGING_PAYLOAD_MAX;
use byway_messaging_client::ALPN_SERVER;
use byway_net::{Identity, quic::udp::UdpEndpoint};
use byway_wire::messaging::Frame;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UdpSocket},
    task::{JoinHandle, JoinSet},
};

use crate::support::{LONG, Raw, Server, key, secret, transfer_through};

#[tokio::test]
async fn a_source_cannot_be_forged() {
    let server = Server::start(1).await;
    let mut victim = Raw::connect(10, &server).await;
    let mut forger = Raw::connect(11, &server).await;
    let payload = Bytes::from_static(b"from a friend");
    forger.send(&Frame::Receive { source: key(12), payload: payload.clone() }).await;
    assert_eq!(forger.receive().await, None);
    // And whatever is sent in order carries the key that the sender proved.
    let mut honest = Raw::connect(13, &server).await;
    honest.send(&Frame::Send { destination: key(10), payload: payload.clone() }).await;
    assert_eq!(victim.receive().await, Some(Frame::Receive { source: key(13), payload }));
}

#[tokio::test]
async fn malformed_bytes_close_only_the_connection_that_they_came_on() {
    let server = Server::start(1).await;
    let mut bystander = Raw::connect(10, &server).await;
    for garbage in [&[9, 0, 0, 0][..], &[1, 0, 0, 31], &[1, 1, 0, 32], &[6, 0, 0xff, 0xff]] {
        let mut hostile = Raw::connect(11, &server).await;
        hostile.send_bytes(garbage).await;
        assert_eq!(hostile.receive().await, None);
    }
    bystander.send(&Frame::Ping(5)).await;
    assert_eq!(bystander.receive().await, Some(Frame::Pong(5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_does_not_delay_others() {
    let server = Server::start(1).await;
    let deaf = Raw::connect(20, &server).await;
    let flood = spawn_flood(Raw::connect(21, &server).await, 20);
    transfer_through(&server, 16).await;
    assert!(!flood.is_finished());
    flood.abort();
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_over_quic_does_not_delay_others() {
    let server = Server::start(1).await;
    let deaf = Raw::connect_quic(20, &server).await;
    let flood = spawn_flood(Raw::connect(21, &server).await, 20);
    transfer_through(&server, 16).await;
    assert!(!flood.is_finished());
    flood.abort();
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_larger_than_any_may_be_close_their_connection_before_their_body_comes() {
    let server = Server::start(1).await;
    for head in
        [[1, 0, 0xff, 0xff], [8, 0, 0x40, 0x39], [9, 0, 0xff, 0xff], [10, 0, 0x40, 0x39], [2, 0, 0x40, 0x19]]
    {
        for mut hostile in [Raw::connect(11, &server).await, Raw::connect_quic(12, &server).await] {
            hostile.send_bytes(&head).await;
            assert_eq!(hostile.receive().await, None, "{head:?}");
        }
    }
    transfer_through(&server, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_client_leaves_others_their_streams_and_is_counted() {
    let server = Server::start(1).await;
    let flood = spawn_flood(Raw::connect(21, &server).await, 11);
    // To the same destination.
    transfer_through(&server, 16).await;
    assert!(!flood.is_finished());
    flood.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_half_open_handshakes_over_tcp_keep_no_honest_client_out() {
    let server = Server::start(1).await;
    let mut silent = Vec::new();
    for n in 0..1_000 {
        let mut stream = TcpStream::connect(server.at.address).await.unwrap();
        if n % 2 == 0 {
            // How a TLS handshake begins. The server may have given this one up already.
            let _ = stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await;
        }
        silent.push(stream);
    }
    transfer_through(&server, 1).await;
    Raw::connect_quic(20, &server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_half_open_handshakes_over_quic_keep_no_honest_client_out() {
    let server = Server::start(1).await;
    // First packets of honest diallers, sent by somebody who never goes on.
    let sink = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let nowhere = sink.local_addr().unwrap();
    let endpoint = UdpEndpoint::dialler(Identity::new(secret(66)), ALPN_SERVER).unwrap();
    let mut dialling = JoinSet::new();
    for _ in 0..1_000 {
        let endpoint = endpoint.clone();
        dialling.spawn(async move { endpoint.connect(nowhere, key(1), LONG).await.err() });
    }
    let (mut packet, mut seen) = ([0; 2_048], BTreeSet::new());
    while seen.len() < 1_000 {
        let (length, _) = sink.recv_from(&mut packet).await.unwrap();
        // The identifier that the dialler drew for its connection follows the version and its own length.
        seen.insert(packet[6..14].to_vec());
        sink.send_to(&packet[..length], server.udp).await.unwrap();
    }
    Raw::connect_quic(20, &server).await;
    transfer_through(&server, 1).await;
}

fn spawn_flood(mut flooder: Raw, victim: u8) -> JoinHandle<()> {
    tokio::spawn(async move {
        let payload = Bytes::from(vec![0; MESSAGING_PAYLOAD_MAX]);
        loop {
            flooder.send(&Frame::Send { destination: key(victim), payload: payload.clone() }).await;
        }
    })
}
