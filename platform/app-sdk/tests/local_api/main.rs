//! The kit against a small node that speaks the same local API.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod fake;

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use byway_api::local::{DialRequest, GetStatus, LocalEvent, Resolve, ResolveRequest};
use byway_app_sdk::LocalNode;
use byway_base::{Code, DatagramError, OverlayAddress, Port, SecretKey};
use fake::FakeNode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

fn to(peer: &str, port: u16) -> DialRequest {
    DialRequest { peer: peer.to_owned(), port: Port(port), policy: None, path: None }
}

fn peer() -> OverlayAddress {
    OverlayAddress { key: SecretKey::from_seed([9; 32]).public(), port: Port(50_000) }
}

#[tokio::test]
async fn a_call_gives_the_reply_and_a_problem_comes_back_unchanged() {
    let fake = FakeNode::start();
    let node = fake.node();
    let request = |name: &str| ResolveRequest { name: name.to_owned() };
    let reply = node.call::<Resolve>((), (), request("bob")).await.unwrap();
    assert_eq!((reply.key, reply.name.as_deref()), (fake::key(), Some("bob")));
    let problem = node.call::<Resolve>((), (), request("eve")).await.unwrap_err();
    assert_eq!(problem, fake::nobody("eve"));
}

#[tokio::test]
async fn a_missing_and_a_dead_socket_are_told_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let missing = LocalNode::connect(directory.path().join("none.sock")).await.unwrap_err();
    assert_eq!(missing.code, Code::NodeUnreachable);
    assert!(missing.why.contains("there is no socket") && missing.hint.contains("byway up"), "{missing}");
    let path = directory.path().join("dead.sock");
    drop(UnixListener::bind(&path).unwrap());
    let dead = LocalNode::at(&path).call::<GetStatus>((), (), ()).await.unwrap_err();
    assert_eq!(dead.code, Code::NodeUnreachable);
    assert!(dead.why.contains("nobody answers") && dead.hint.contains("--socket"), "{dead}");
}

#[tokio::test]
async fn a_node_that_says_nothing_is_given_up_after_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("silent.sock");
    let _silent = UnixListener::bind(&path).unwrap();
    let node = LocalNode::connect(&path).await.unwrap().with_deadline(Duration::from_millis(20));
    assert_eq!(node.call::<GetStatus>((), (), ()).await.unwrap_err().code, Code::Timeout);
}

#[tokio::test]
async fn what_is_no_node_is_told_so() {
    let fake = FakeNode::start();
    // The small node answers this path with text.
    assert_eq!(fake.node().call::<GetStatus>((), (), ()).await.unwrap_err().code, Code::Protocol);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let other = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.example.org ready\r\n").await.unwrap();
    };
    let node = LocalNode::at(&path);
    let (result, ()) = tokio::join!(node.call::<GetStatus>((), (), ()), other);
    assert_eq!(result.unwrap_err().code, Code::NodeUnreachable);
}

#[tokio::test]
async fn a_dialled_stream_carries_bytes_both_ways_and_each_half_ends_by_itself() {
    let fake = FakeNode::start();
    let (mut stream, routes) = fake.node().dial(to("bob", 80)).await.unwrap();
    assert_eq!(routes, fake::routes());
    let data: Vec<u8> = (0..300_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let (mut read, mut write) = tokio::io::split(&mut stream);
    let send = async {
        write.write_all(&data).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let receive = async { read.read_to_end(&mut back).await.unwrap() };
    // The small node greets at once, echoes, and says goodbye once it has seen the end.
    tokio::join!(send, receive);
    let expected = [b"hello ".as_slice(), &data, b" goodbye"].concat();
    assert!(back == expected, "{} of {} bytes", back.len(), expected.len());
}

#[tokio::test]
async fn a_refused_dial_says_why() {
    let fake = FakeNode::start();
    let problem = fake.node().dial(to("eve", 80)).await.unwrap_err();
    assert_eq!(problem, fake::nobody("eve"));
}

#[tokio::test]
async fn streams_of_peers_are_accepted_in_order_and_their_origin_is_known() {
    let fake = FakeNode::start();
    let mut listener = fake.node().listen(Port(80)).await.unwrap();
    let mut first = fake.open(peer());
    let mut second = fake.open(peer());
    first.write_all(b"1").await.unwrap();
    second.write_all(b"2").await.unwrap();
    for expected in [b'1', b'2'] {
        let (from, mut stream) = listener.accept().await.unwrap();
        assert_eq!((from, stream.read_u8().await.unwrap()), (peer(), expected));
        stream.write_u8(expected).await.unwrap();
    }
    assert_eq!((first.read_u8().await.unwrap(), second.read_u8().await.unwrap()), (b'1', b'2'));
}

#[tokio::test]
async fn no_stream_is_lost_when_an_accept_is_given_up() {
    let fake = FakeNode::start();
    let mut listener = fake.node().listen(Port(80)).await.unwrap();
    {
        let mut given_up = pin!(listener.accept());
        // Polled until the request for a stream has reached the node.
        let reached = fake.accept_asked();
        let mut reached = pin!(reached);
        poll_fn(|cx| {
            assert!(given_up.as_mut().poll(cx).is_pending());
            reached.as_mut().poll(cx)
        })
        .await;
    }
    let mut opened = fake.open(peer());
    opened.write_all(b"!").await.unwrap();
    let (_, mut stream) = listener.accept().await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
}

#[tokio::test]
async fn accepting_goes_on_after_the_node_answered_that_nobody_came() {
    let fake = FakeNode::start();
    fake.nobody_comes_at_first();
    let mut listener = fake.node().listen(Port(80)).await.unwrap();
    let _opened = fake.open(peer());
    assert_eq!(listener.accept().await.unwrap().0, peer());
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_one_that_is_dropped_is_free_again() {
    let fake = FakeNode::start();
    let held = fake.node().listen(Port(80)).await.unwrap();
    assert_eq!(fake.node().listen(Port(80)).await.unwrap_err().code, Code::Conflict);
    drop(held);
    fake.released().await;
    fake.node().listen(Port(80)).await.unwrap();
}

#[tokio::test]
async fn datagrams_go_both_ways_whole_and_the_maximum_is_kept_as_the_node_said_last() {
    let fake = FakeNode::start();
    let (channel, routes) = fake.node().dial_datagrams(to("bob", 53)).await.unwrap();
    assert_eq!((routes, channel.max_size()), (fake::routes(), 1_000));
    for datagram in [&b"hello"[..], b"", &[7; 1_000]] {
        channel.send(datagram).await.unwrap();
        assert_eq!(channel.recv().await.unwrap(), datagram);
    }
    // The small node carries twice as much after each datagram.
    assert_eq!(channel.max_size(), 4_000);
    assert_eq!(channel.send(&[0; 4_001]).await, Err(DatagramError::TooLarge { max: 4_000 }));
    channel.send(b"goodbye").await.unwrap();
    assert_eq!(channel.recv().await, None);
    assert_eq!(fake.node().dial_datagrams(to("eve", 53)).await.unwrap_err(), fake::nobody("eve"));
}

#[tokio::test]
async fn a_send_that_is_given_up_in_the_middle_spoils_no_later_datagram() {
    let fake = FakeNode::start();
    let (channel, _) = fake.node().dial_datagrams(to("bob", 53)).await.unwrap();
    // The small node stands still until it is told to go on: its socket fills, and sending waits.
    channel.send(b"wait").await.unwrap();
    let mut sent = 0;
    loop {
        let mut given_up = pin!(channel.send(&[7; 1_000]));
        if poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx))).await.is_pending() {
            break;
        }
        sent += 1;
    }
    fake.go_on();
    for _ in 0..sent {
        assert_eq!(channel.recv().await.unwrap(), [7; 1_000][..]);
    }
    let (end, last) = tokio::join!(channel.send(b"end"), channel.recv());
    end.unwrap();
    let rest = if last.as_deref() == Some(&[7; 1_000]) { channel.recv().await } else { last };
    assert_eq!(rest.unwrap(), b"end"[..]);
}

#[tokio::test]
async fn events_come_one_by_one_until_the_node_ends_them() {
    let fake = FakeNode::start();
    let mut events = fake.node().events().await.unwrap();
    for expected in fake::events() {
        // A call that is given up takes no event with it.
        {
            let mut given_up = pin!(events.next());
            let first = poll_fn(|cx| Poll::Ready(given_up.as_mut().poll(cx))).await;
            if let Poll::Ready(event) = first {
                assert_eq!(event.unwrap(), Some(expected));
                continue;
            }
        }
        assert_eq!(events.next().await.unwrap(), Some(expected));
    }
    assert_eq!(events.next().await.unwrap(), None::<LocalEvent>);
}
