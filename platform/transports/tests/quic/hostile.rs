//! Peers that do what no node does.

use std::{collections::VecDeque, future::poll_fn, io, net::SocketAddr, sync::Arc, task::Poll};

use byway_base::{Code, limits::LINK_STREAMS};
use byway_clock::unix_now;
use byway_net::{Expect, Identity};
use byway_wire::{
    TransportEntry, encode,
    link::{AGREE_BYTES, Offer, VERSION},
};
use futures_util::FutureExt;
use quinn::{ClientConfig, Connection, Endpoint, TransportConfig, VarInt};

use crate::support::{Node, Source, connected, cross, ended, key, kind, numbered, secret, within};

/// A QUIC connection of node 1 to a node, made by hand.
async fn raw(address: SocketAddr, settings: TransportConfig) -> (Endpoint, Connection) {
    let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
    let tls = Identity::new(secret(1)).quic_client_config(Expect::Any, &[b"byway-transport/1"]);
    let mut config = ClientConfig::new(tls);
    config.transport_config(Arc::new(settings));
    let connection = within(endpoint.connect_with(config, address, "any").unwrap()).await.unwrap();
    (endpoint, connection)
}

/// The same, after the agreement: node 1 by hand, and the link at node 2.
async fn agreed(
    two: &mut Node,
    settings: TransportConfig,
) -> (Endpoint, Connection, byway_transports::Opened) {
    let (endpoint, connection) = raw(two.address(), settings).await;
    let entry = TransportEntry::new(key(1), key(2), kind(), unix_now());
    let offer = Offer { version: VERSION, issued: entry.issued, signature: entry.sign(&secret(1)) };
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&encode(&offer)).await.unwrap();
    within(receive.read_exact(&mut [0; AGREE_BYTES])).await.unwrap();
    let opened = two.accept().await;
    // The stream stays open for as long as the connection.
    tokio::spawn(async move {
        let _ = receive.read_to_end(usize::MAX).await;
        drop(send);
    });
    (endpoint, connection, opened)
}

#[tokio::test]
async fn a_peer_with_another_key_than_expected_is_refused() {
    let (one, two) = (Node::start(1).await, Node::start(2).await);
    let error = one.open(key(3), two.address()).await.err().unwrap();
    assert_eq!(error.problem(String::new()).code, Code::Denied, "{error}");
}

#[tokio::test]
async fn a_stream_that_the_peer_holds_up_delays_no_other() {
    let (mut two, mut source) = (Node::start(2).await, Source::new());
    let mut settings = TransportConfig::default();
    settings.stream_receive_window(VarInt::from_u32(64 * 1024));
    let (_endpoint, connection, mut opened) = agreed(&mut two, settings).await;
    let mut queue: VecDeque<_> = (0..64).flat_map(|count| source.data(1, numbered(count, 16_000))).collect();
    let reader = tokio::spawn(async move {
        // The first stream is not read, ever.
        let held_up = connection.accept_uni().await.unwrap();
        let mut other = connection.accept_uni().await.unwrap();
        let mut bytes = vec![0; 64 * 16_008];
        other.read_exact(&mut bytes).await.unwrap();
        (held_up, bytes)
    });
    queue.extend((0..64).flat_map(|count| source.data(2, numbered(count, 16_000))));
    let mut reader = std::pin::pin!(reader);
    let (_held_up, bytes) = within(poll_fn(|cx| {
        if let Poll::Ready(result) = opened.link.poll_send(cx, &mut queue) {
            result.unwrap();
        }
        reader.poll_unpin(cx)
    }))
    .await
    .unwrap();
    assert!(bytes.chunks(16_008).all(|packet| packet[..8] == [1, 0, 0x3e, 0x80, 0, 0, 0, 2]));
}

#[tokio::test]
async fn garbage_on_a_stream_closes_the_transport() {
    let (mut two, garbage) = (Node::start(2).await, [0xff; 64]);
    let (_endpoint, connection, mut opened) = agreed(&mut two, TransportConfig::default()).await;
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(&garbage).await.unwrap();
    let error = ended(&mut opened.link).await;
    assert_ne!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
    drop(opened);
    within(connection.closed()).await;
}

#[tokio::test]
async fn a_stream_that_ends_within_a_packet_or_is_reset_closes_the_transport() {
    for reset in [false, true] {
        let mut two = Node::start(2).await;
        let (_endpoint, connection, mut opened) = agreed(&mut two, TransportConfig::default()).await;
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(&[1, 0, 0, 10, 0, 0, 0, 1, 7]).await.unwrap();
        if reset {
            stream.reset(VarInt::from_u32(1)).unwrap();
        } else {
            stream.finish().unwrap();
        }
        let error = ended(&mut opened.link).await;
        assert_ne!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
    }
}

#[tokio::test]
async fn a_datagram_that_is_no_single_unreliable_packet_closes_the_transport() {
    let data: &[u8] = &[1, 0, 0, 1, 0, 0, 0, 1, 7];
    let cut: &[u8] = &[2, 0, 0, 10, 0, 0, 0, 1, 7];
    let two_packets: &[u8] = &[2, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1];
    for bytes in [data, cut, two_packets, b"", b"hello, world"] {
        let mut two = Node::start(2).await;
        let (_endpoint, connection, mut opened) = agreed(&mut two, TransportConfig::default()).await;
        connection.send_datagram(bytes::Bytes::from_static(bytes)).unwrap();
        let error = ended(&mut opened.link).await;
        assert_ne!(error.kind(), io::ErrorKind::UnexpectedEof, "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn a_peer_opens_no_more_streams_than_it_may() {
    let mut two = Node::start(2).await;
    let (_endpoint, connection, mut opened) = agreed(&mut two, TransportConfig::default()).await;
    let mut streams = Vec::new();
    for _ in 0..LINK_STREAMS {
        streams.push(within(connection.open_uni()).await.unwrap());
    }
    assert!(connection.open_uni().now_or_never().is_none());
    assert!(connection.open_bi().now_or_never().is_none());
    // All of them are served.
    for stream in &mut streams {
        stream.write_all(&[1, 0, 0, 1, 0, 0, 0, 1, 7]).await.unwrap();
    }
    let mut packets = Vec::new();
    within(poll_fn(|cx| {
        while packets.len() < streams.len() {
            match opened.link.poll_receive(cx, &mut packets) {
                Poll::Ready(result) => result.unwrap(),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }))
    .await;
}

#[tokio::test]
async fn diallers_that_open_no_stream_delay_no_honest_one() {
    let (one, mut two, mut source) = (Node::start(4).await, Node::start(2).await, Source::new());
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(raw(two.address(), TransportConfig::default()).await);
    }
    let address = two.address();
    let (mut dialled, mut accepted) = connected(&one, &mut two, address).await;
    let queue = source.data(1, numbered(9, 10)).into();
    cross(&mut dialled.link, &mut accepted.link, queue, |arrived| arrived.len() == 1).await;
    // Of one key only the newest was waited for.
    within(silent[0].1.closed()).await;
}

#[tokio::test]
async fn a_closed_link_ends_at_the_other_edge_without_an_error() {
    let (one, mut two) = (Node::start(1).await, Node::start(2).await);
    let address = two.address();
    let (mut dialled, mut accepted) = connected(&one, &mut two, address).await;
    within(poll_fn(|cx| dialled.link.poll_close(cx))).await.unwrap();
    assert_eq!(ended(&mut accepted.link).await.kind(), io::ErrorKind::UnexpectedEof);
}
