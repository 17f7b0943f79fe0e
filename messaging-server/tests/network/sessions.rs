//! The server's rules about sessions, seen from raw connections.

use bytes::Bytes;
use byway_messaging::SwitchLimits;
use byway_wire::messaging::Frame;

use crate::support::{Raw, Server, Start, key};

fn send(to: u8, payload: &'static [u8]) -> Frame {
    Frame::Send { destination: key(to), payload: Bytes::from_static(payload) }
}

fn received(from: u8, payload: &'static [u8]) -> Option<Frame> {
    Some(Frame::Receive { source: key(from), payload: Bytes::from_static(payload) })
}

#[tokio::test]
async fn the_newest_session_of_a_key_wins_and_the_older_is_closed() {
    let server = Server::start(1).await;
    let mut sender = Raw::connect(10, &server).await;
    let mut old = Raw::connect(11, &server).await;
    let mut new = Raw::connect(11, &server).await;
    assert_eq!(old.receive().await, None);
    sender.send(&send(11, b"for the newest")).await;
    assert_eq!(new.receive().await, received(10, b"for the newest"));
}

#[tokio::test]
async fn a_sender_hears_that_a_destination_left() {
    let server = Server::start(1).await;
    let mut sender = Raw::connect(10, &server).await;
    let peer = Raw::connect(11, &server).await;
    drop(peer);
    // Until the server noticed, datagrams are lost silently.
    loop {
        sender.send(&send(11, b"?")).await;
        sender.send(&Frame::Ping(2)).await;
        match sender.receive().await {
            Some(Frame::Gone { destination }) => break assert_eq!(destination, key(11)),
            Some(Frame::Pong(2)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_full_server_says_so() {
    let limits = SwitchLimits { clients: 1, ..Default::default() };
    let server = Server::start_with(1, Start { limits, ..Default::default() }).await;
    let _first = Raw::connect(10, &server).await;
    let mut second = Raw::dial(11, &server).await;
    assert_eq!(second.receive().await, Some(Frame::Limited));
    assert_eq!(second.receive().await, None);
}

#[tokio::test]
async fn draining_is_announced_and_the_server_ends_when_its_clients_left() {
    let server = Server::start(1).await;
    let mut client = Raw::connect(10, &server).await;
    server.shutdown.begin();
    assert_eq!(client.receive().await, Some(Frame::Draining));
    drop(client);
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn clients_that_stay_are_cut_off_when_the_time_to_drain_is_over() {
    let server = Server::start(1).await;
    let mut client = Raw::connect(10, &server).await;
    server.shutdown.begin();
    assert_eq!(client.receive().await, Some(Frame::Draining));
    server.shutdown.expire_now();
    server.task.await.unwrap().unwrap();
    assert_eq!(client.receive().await, None);
}
