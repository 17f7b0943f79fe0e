//! Several processes on one PostgreSQL: what one took the others know, also when it is gone.

use std::time::Duration;

use byway_api::{
    Event,
    transport_discovery::{EventsQuery, TransportState, WatchTransports},
};
use byway_base::{Code, TransportId, UnixTime};
use byway_testkit::postgres_or_skip;
use futures_util::StreamExt;

use crate::{
    fixture::{Running, secret},
    raw,
    replay::machine,
};

/// The name that all replicas answer to.
const HOST: &str = "transports.example.org";

/// A heartbeat of node 1 as bytes, signed for all replicas.
fn beat(id: TransportId, up: bool, signed: UnixTime) -> String {
    let body = format!("{{\"transit\":true,\"transports\":[{{\"id\":\"{id}\",\"up\":{up}}}]}}");
    raw::with_body("POST", HOST, "/v1/heartbeats", Some((&secret(1), signed)), &body)
}

async fn code_of(replica: &Running, request: &str) -> (u16, bool) {
    let (status, reply) = raw::send(&replica.address, request).await;
    (status, reply.contains(Code::Replayed.as_str()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_on_one_database_agree() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let (one, two) = (Running::start_on(url.clone()).await, Running::start_on(url).await);
    let mut events = two.client(9).watch::<WatchTransports>((), EventsQuery::default(), None).await.unwrap();
    let entry = one.entry(1, 2);
    one.put(1, &entry).await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(Event::Item { sequence: 1, .. }))));
    assert_eq!(two.get(entry.entry.id()).await.unwrap().state, TransportState::Up);
    assert_eq!(two.beat(2, &[entry.entry.id()]).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_was_told_last_the_other_remembers_of_a_node_that_moved_to_it_and_back() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let (one, two) = (Running::start_on(url.clone()).await, Running::start_on(url).await);
    let (first, second) = (one.entry(1, 2), one.entry(1, 3));
    let ids = [first.entry.id(), second.entry.id()];
    one.put(1, &first).await.unwrap();
    assert_eq!(one.beat(1, &ids[..1]).await, []);
    // Behind the back of the first, which still remembers the node with one transport.
    two.put(1, &second).await.unwrap();
    assert_eq!(one.beat(1, &ids).await, []);
    assert_eq!(two.beat(1, &ids).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_takes_nothing_with_it() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let (one, two) = (Running::start_on(url.clone()).await, Running::start_on(url.clone()).await);
    let entry = one.entry(1, 2);
    let id = entry.entry.id();
    one.put(1, &entry).await.unwrap();
    let mut events =
        one.client(9).watch::<WatchTransports>((), EventsQuery::default(), Some(0)).await.unwrap();
    let Some(Ok(Event::Item { sequence, .. })) = events.next().await else { panic!("it was registered") };
    one.kill().await;

    assert_eq!(two.beat(1, &[id]).await, []);
    assert_eq!(two.beat(2, &[id]).await, []);
    two.put(1, &two.entry(1, 3)).await.unwrap();
    let mut events =
        two.client(9).watch::<WatchTransports>((), EventsQuery::default(), Some(sequence)).await.unwrap();
    for expected in sequence + 1..=4 {
        let Some(Ok(Event::Item { sequence, .. })) = events.next().await else {
            panic!("the stream goes on")
        };
        assert_eq!(sequence, expected, "without a gap, on the other replica");
    }
    let third = Running::start_on(url).await;
    assert_eq!(third.get(id).await.unwrap().state, TransportState::Up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_that_one_replica_took_is_refused_by_the_others_and_so_are_older_ones() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let (one, two) = (Running::start_on(url.clone()).await, Running::start_on(url.clone()).await);
    // The registries' clocks have passed the dates of the heartbeats below.
    for replica in [&one, &two] {
        replica.advance(Duration::from_secs(20));
    }
    let entry = one.entry(1, 2);
    let id = entry.entry.id();
    one.put(1, &entry).await.unwrap();
    let at = |seconds| UnixTime(machine().0 + seconds);
    // Signed requests from before a service's start are refused by that service anyway.
    let (older, newest) = (beat(id, false, at(8)), beat(id, true, at(9)));
    assert_eq!(code_of(&one, &older).await, (200, false));
    assert_eq!(code_of(&two, &newest).await, (200, false));
    assert_eq!(one.get(id).await.unwrap().state, TransportState::Up);

    assert_eq!(code_of(&one, &newest).await, (401, true), "the newest, where it was not seen");
    assert_eq!(code_of(&two, &older).await, (401, true), "an older one, where it was not seen");
    assert_eq!(code_of(&two, &newest).await, (401, true), "the newest, where it was");
    let restarted = Running::start_on(url).await;
    restarted.advance(Duration::from_secs(20));
    for replayed in [&older, &newest] {
        assert_eq!(code_of(&restarted, replayed).await, (401, true), "by a process that has seen none");
    }
    assert_eq!(two.get(id).await.unwrap().state, TransportState::Up);
    assert_eq!(code_of(&two, &beat(id, true, at(10))).await, (200, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_replayed_at_another_replica_hits_no_transport_that_was_registered_since() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let (one, two) = (Running::start_on(url.clone()).await, Running::start_on(url).await);
    let first = one.entry(1, 2);
    let id = first.entry.id();
    one.put(1, &first).await.unwrap();
    let path = format!("/v1/transports/{id}?issued={}", first.entry.issued.0);
    let signed = UnixTime(machine().0 + 2);
    let recorded = raw::request("DELETE", HOST, &path, Some((&secret(1), signed)));
    assert_eq!(raw::send(&one.address, &recorded).await.0, 204);

    for replica in [&one, &two] {
        replica.advance(Duration::from_secs(5));
    }
    one.put(1, &one.entry(1, 2)).await.unwrap();
    let (status, reply) = raw::send(&two.address, &recorded).await;
    assert!(status == 409 && reply.contains(Code::Conflict.as_str()), "{reply}");
    assert_eq!(two.get(id).await.unwrap().state, TransportState::Up);
}
