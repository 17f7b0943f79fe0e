//! Clients that harm nobody but themselves.

use bytes::Bytes;
use byway_base::limits::MESSAGING_PAYLOAD_MAX;
use byway_messaging_client::ALPN_TRANSPORT;
use byway_wire::messaging::Frame;
use tokio::net::TcpStream;

use crate::support::{Raw, Server, client, key, spawn_hasher, transfer};

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
    let mut flooder = Raw::connect(21, &server).await;
    let flood = tokio::spawn(async move {
        let payload = Bytes::from(vec![0; MESSAGING_PAYLOAD_MAX]);
        loop {
            flooder.send(&Frame::Send { destination: key(20), payload: payload.clone() }).await;
        }
    });
    let (a, b) = (client(10, &[&server]), client(11, &[&server]));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    b.ready().await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    transfer(&connection, 16, async |_| {}).await;
    assert!(!flood.is_finished());
    flood.abort();
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_silent_connections_do_not_keep_honest_clients_out() {
    let server = Server::start(1).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(server.at.address).await.unwrap());
    }
    let (a, b) = (client(10, &[&server]), client(11, &[&server]));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    b.ready().await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    transfer(&connection, 1, async |_| {}).await;
}
