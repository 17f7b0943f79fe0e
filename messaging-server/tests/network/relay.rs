//! Servers that carry to each other, seen from raw connections.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use byway_clock::unix_now;
use byway_messaging_client::Directory;
use byway_wire::{Record, RecordBody, messaging::Frame};
use tokio::net::TcpListener;

use crate::support::{Hanging, LONG, Raw, Records, Server, Start, key, secret, transfer_through};

/// A server that finds others in `records`, and is found there.
async fn server(n: u8, records: &Arc<Records>) -> Server {
    let server =
        Server::start_with(n, Start { directory: Some(records.clone()), ..Default::default() }).await;
    server.health.ready().await;
    server
}

/// Lists the key `n` as a server.
async fn list(n: u8, records: &Records, addresses: Vec<SocketAddr>) {
    let (udp, region) = (Vec::new(), String::new());
    let body = RecordBody::Server { addresses, udp, capacity: 10, clients: 0, region, draining: false };
    let expires = unix_now().plus(std::time::Duration::from_secs(100));
    let record = Record { subject: key(n), sequence: 1, expires, body };
    records.publish(record.sign(&secret(n))).await.unwrap();
}

fn forward(server: u8, to: u8, payload: &'static [u8]) -> Frame {
    Frame::Forward { server: key(server), destination: key(to), payload: Bytes::from_static(payload) }
}

fn forwarded(server: u8, from: u8, payload: &'static [u8]) -> Option<Frame> {
    Some(Frame::Forwarded { server: key(server), source: key(from), payload: Bytes::from_static(payload) })
}

fn carry(from: u8, to: u8, payload: &'static [u8]) -> Frame {
    Frame::Carry { source: key(from), destination: key(to), payload: Bytes::from_static(payload) }
}

#[tokio::test]
async fn clients_that_share_no_server_reach_each_other_both_ways() {
    let records = Arc::<Records>::default();
    let (first, second) = (server(1, &records).await, server(2, &records).await);
    let mut a = Raw::connect(10, &first).await;
    let mut b = Raw::connect_quic(11, &second).await;
    a.send(&forward(2, 11, b"there")).await;
    assert_eq!(b.receive().await, forwarded(1, 10, b"there"));
    b.send(&forward(1, 10, b"and back")).await;
    assert_eq!(a.receive().await, forwarded(2, 11, b"and back"));
}

#[tokio::test]
async fn a_sender_hears_of_a_peer_that_is_not_reached_by_way_of_the_server_that_it_named() {
    let records = Arc::<Records>::default();
    let (first, _second) = (server(1, &records).await, server(2, &records).await);
    let mut a = Raw::connect(10, &first).await;
    // A client that is not there, a key that is no server, the server itself.
    for (server, peer) in [(2, 12), (99, 12), (1, 12)] {
        a.send(&forward(server, peer, b"?")).await;
        assert_eq!(a.receive().await, Some(Frame::GoneAt { server: key(server), destination: key(peer) }));
    }
}

#[tokio::test]
async fn a_link_that_broke_is_there_again_when_it_is_needed() {
    let records = Arc::<Records>::default();
    let (first, second) = (server(1, &records).await, server(2, &records).await);
    let mut a = Raw::connect(10, &first).await;
    let b = Raw::connect(11, &second).await;
    drop(b);
    let listen = second.kill().await;
    let second =
        Server::start_with(2, Start { listen, directory: Some(records.clone()), ..Default::default() }).await;
    let mut b = Raw::connect(11, &second).await;
    let trying = tokio::spawn(async move {
        loop {
            a.send(&forward(2, 11, b"again")).await;
            // Either nothing comes, or that the peer is not reached for now.
            a.send(&Frame::Ping(3)).await;
            while a.receive().await != Some(Frame::Pong(3)) {}
        }
    });
    assert_eq!(b.receive().await, forwarded(1, 10, b"again"));
    trying.abort();
}

#[tokio::test]
async fn only_listed_servers_carry_and_none_where_that_is_off() {
    let records = Arc::<Records>::default();
    let open = server(1, &records).await;
    let mut stranger = Raw::dial_as_server(66, &open).await.unwrap();
    assert_eq!(stranger.receive().await, Some(Frame::Limited));
    assert_eq!(stranger.receive().await, None);

    list(67, &records, vec![SocketAddr::from(([192, 0, 2, 1], 1))]).await;
    Raw::dial_as_server(67, &open).await.unwrap().greeted().await;

    let start = Start { directory: Some(records.clone()), relay: false, ..Default::default() };
    let closed = Server::start_with(2, start).await;
    let refused = match Raw::dial_as_server(67, &closed).await {
        None => true,
        Some(mut raw) => raw.receive().await.is_none(),
    };
    assert!(refused);
    let mut client = Raw::connect(10, &closed).await;
    client.send(&forward(1, 11, b"?")).await;
    assert_eq!(client.receive().await, Some(Frame::GoneAt { server: key(1), destination: key(11) }));
}

#[tokio::test]
async fn a_client_that_carries_is_cut_off_and_nothing_of_it_arrives() {
    let records = Arc::<Records>::default();
    let server = server(1, &records).await;
    let victim = Raw::connect(10, &server).await;
    for frame in [carry(12, 10, b"forged"), Frame::NotHere { source: key(10), destination: key(12) }] {
        let mut hostile = Raw::connect(11, &server).await;
        hostile.send(&frame).await;
        assert_eq!(hostile.receive().await, None);
    }
    victim.greeted().await;
}

#[tokio::test]
async fn a_hostile_server_speaks_in_its_own_name_only_and_is_cut_off_for_anything_else() {
    let records = Arc::<Records>::default();
    let server = server(1, &records).await;
    list(66, &records, vec![SocketAddr::from(([192, 0, 2, 1], 1))]).await;
    let mut victim = Raw::connect(10, &server).await;
    let mut friend = Raw::connect(12, &server).await;
    let mut hostile = Raw::dial_as_server(66, &server).await.unwrap().greeted().await;
    // In the name of a client of this very server, who is connected.
    hostile.send(&carry(12, 10, b"forged")).await;
    assert_eq!(victim.receive().await, forwarded(66, 12, b"forged"));
    hostile.send(&carry(12, 13, b"to nobody")).await;
    assert_eq!(hostile.receive().await, Some(Frame::NotHere { source: key(12), destination: key(13) }));
    let payload = Bytes::from_static(b"forged");
    let frames = [
        Frame::Send { destination: key(10), payload: payload.clone() },
        Frame::Receive { source: key(12), payload: payload.clone() },
        Frame::Forwarded { server: key(2), source: key(12), payload },
        forward(2, 10, b"on and on"),
        Frame::GoneAt { server: key(2), destination: key(12) },
        Frame::NotHere { source: key(10), destination: key(12) },
        Frame::Draining,
    ];
    for frame in frames {
        let mut hostile = Raw::dial_as_server(66, &server).await.unwrap().greeted().await;
        hostile.send(&frame).await;
        assert_eq!(hostile.receive().await, None, "{frame:?}");
    }
    // The clients notice nothing of all that.
    friend.send(&Frame::Send { destination: key(10), payload: Bytes::from_static(b"hello") }).await;
    let hello = Frame::Receive { source: key(12), payload: Bytes::from_static(b"hello") };
    assert_eq!(victim.receive().await, Some(hello));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_and_delays_nobody() {
    let records = Arc::<Records>::default();
    let server = server(1, &records).await;
    // Takes connections, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    list(66, &records, vec![silent.local_addr().unwrap()]).await;
    let mut a = Raw::connect(10, &server).await;
    let mut b = Raw::connect(11, &server).await;
    a.send(&forward(66, 12, b"?")).await;
    let hello = Bytes::from_static(b"hello");
    a.send(&Frame::Send { destination: key(11), payload: hello.clone() }).await;
    assert_eq!(b.receive().await, Some(Frame::Receive { source: key(10), payload: hello }));
    assert_eq!(a.receive().await, Some(Frame::GoneAt { server: key(66), destination: key(12) }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_never_answers_delays_nobody() {
    let start = Start { directory: Some(Arc::new(Hanging)), ..Default::default() };
    let server = Server::start_with(1, start).await;
    let mut a = Raw::connect(20, &server).await;
    // Servers that are looked up in vain, dialled and dialling.
    for server in 60..70 {
        a.send(&forward(server, 11, b"?")).await;
    }
    let _stranger = Raw::dial_as_server(70, &server).await.unwrap();
    transfer_through(&server, 8).await;
    assert!(!server.task.is_finished());
    server.shutdown.expire_now();
    tokio::time::timeout(LONG, server.task).await.unwrap().unwrap().unwrap();
}
