//! What several routes at once do for a session.

use byway_routing::GroupEvent;
use byway_wire::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::links::{Pair, events};
use crate::{
    listeners::{Incoming, Listener},
    session::Session,
    stream::OverlayStream,
};

const MEGABYTE: usize = 1_000_000;

/// Bytes that differ from their neighbours near and far.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

async fn send(stream: &mut OverlayStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn receive(stream: &mut OverlayStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Payload bytes that each route carried, there and back.
fn carried(pair: &Pair) -> (Vec<u64>, Vec<u64>) {
    let routes = pair.routes();
    (
        routes.iter().map(|route| route.forward.bytes).collect(),
        routes.iter().map(|route| route.backward.bytes).collect(),
    )
}

/// A session over these routes, and both ends of a stream of it.
async fn session_and_stream(
    pair: &Pair,
    listener: &mut Listener<Incoming>,
    routes: &[usize],
) -> (Session, OverlayStream, OverlayStream) {
    let session = pair.session(routes).await;
    let stream = session.open().await.unwrap();
    let far = listener.accept().await.unwrap().stream;
    (session, stream, far)
}

/// Each route carried at least `least` percent, and all together hardly more than `bytes`.
fn assert_shared(carried: &[u64], least: u64, bytes: usize) {
    let total: u64 = carried.iter().sum();
    assert!(carried.iter().all(|route| route * 100 >= total * least), "{carried:?}");
    assert!(total * 100 <= bytes as u64 * 103, "{total} bytes for {bytes}");
}

/// Packets that quinn sent and thought lost.
fn sent_and_lost(session: &Session) -> (u64, u64) {
    let path = session.connection.stats().path;
    (path.sent_packets, path.lost_packets)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_striped_upload_goes_over_both_routes_evenly_and_nothing_of_it_is_sent_twice() {
    let pair = Pair::new(2);
    let mut listener = pair.listen();
    let (session, mut stream, mut far) = session_and_stream(&pair, &mut listener, &[0, 1]).await;
    let bytes = pattern(32 * MEGABYTE);
    let ((), received) = tokio::join!(send(&mut stream, &bytes), receive(&mut far));
    assert!(received == bytes);
    let (there, _) = carried(&pair);
    assert_shared(&there, 45, bytes.len());
    let (sent, lost) = sent_and_lost(&session);
    assert!(lost * 100 <= sent, "{lost} of {sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_striped_source_comes_over_both_routes() {
    let pair = Pair::new(2);
    let mut listener = pair.listen();
    let (_session, mut stream, mut far) = session_and_stream(&pair, &mut listener, &[0, 1]).await;
    let bytes = pattern(32 * MEGABYTE);
    let ((), received) = tokio::join!(send(&mut far, &bytes), receive(&mut stream));
    assert!(received == bytes);
    let (_, back) = carried(&pair);
    assert_shared(&back, 35, bytes.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_not_striped_uses_its_spare_only_after_a_switch() {
    let pair = Pair::new(2);
    let mut listener = pair.listen();
    let session = pair.session(&[0]).await;
    pair.route(1, session.port, &session.group);
    let mut stream = session.open().await.unwrap();
    let mut far = listener.accept().await.unwrap().stream;
    let bytes = pattern(4 * MEGABYTE);
    let ((), received) = tokio::join!(send(&mut stream, &bytes), receive(&mut far));
    assert!(received == bytes);
    let (there, back) = carried(&pair);
    assert!(there[0] > 4 * MEGABYTE as u64 && (there[1], back[1]) == (0, 0), "{there:?} {back:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stripe_that_is_lost_under_way_costs_no_byte() {
    let pair = Pair::new(2);
    let mut listener = pair.listen();
    let (session, mut stream, mut far) = session_and_stream(&pair, &mut listener, &[0, 1]).await;
    let bytes = pattern(32 * MEGABYTE);
    let cut = async {
        let half = 16 * MEGABYTE;
        let mut first = vec![0; half];
        far.read_exact(&mut first).await.unwrap();
        pair.cut(0);
        first.extend(receive(&mut far).await);
        first
    };
    let ((), received) = tokio::join!(send(&mut stream, &bytes), cut);
    assert!(received == bytes);
    let left = |event: &GroupEvent| matches!(event, GroupEvent::Left { cause, .. } if cause.reason == Reason::TransportLost && cause.distance == Some(0));
    assert!(events(&session.group).iter().any(left));
    assert_eq!(pair.routes().len(), 1);
}
