//! The change stream, as a route finder's mirror uses it.

use byway_api::{
    Event,
    transport_discovery::{
        Change, ChangeKind, DeleteTransport, EventsQuery, GetSnapshot, GetTransportStats, SnapshotPart,
        TransportPath, WatchTransports,
    },
};
use byway_http::client::Events;
use futures_util::StreamExt;

use crate::fixture::{Running, of};

async fn watch(service: &Running, since: Option<u64>) -> Events<Change> {
    service.client(9).watch::<WatchTransports>((), EventsQuery { since }, None).await.unwrap()
}

async fn next(events: &mut Events<Change>) -> Change {
    match events.next().await.unwrap().unwrap() {
        Event::Item { sequence, item } => {
            assert_eq!(sequence, item.sequence);
            item
        }
        Event::Reset { .. } => panic!("the stream was reset"),
    }
}

#[tokio::test]
async fn a_snapshot_is_continued_by_the_stream_without_a_gap() {
    let service = Running::start().await;
    service.put(1, &service.entry(1, 2)).await.unwrap();
    let parts = service.client(9).feed::<GetSnapshot>((), ()).await.unwrap();
    let parts: Vec<_> = parts.map(Result::unwrap).collect().await;
    let [SnapshotPart::Begin { sequence }, SnapshotPart::Nodes(nodes), SnapshotPart::Transports(transports)] =
        &parts[..]
    else {
        panic!("{parts:?}")
    };
    assert_eq!((*sequence, nodes.len(), transports.len()), (1, 0, 1));
    let second = service.entry(1, 3);
    service.put(1, &second).await.unwrap();

    let mut events = watch(&service, Some(*sequence)).await;
    let missed = next(&mut events).await;
    assert!(matches!(missed.event, ChangeKind::Registered { transport } if transport.signed == second));
    let path = TransportPath { id: second.entry.id() };
    service.client(3).call::<DeleteTransport>(path, of(&second), ()).await.unwrap();
    assert_eq!(next(&mut events).await.event, ChangeKind::Removed { id: path.id });
    assert_eq!(service.beat(1, &[]).await, []);
    assert!(matches!(next(&mut events).await.event, ChangeKind::Node { node } if node.transit));
}

#[tokio::test]
async fn a_stream_without_a_place_begins_now_and_resumes_where_it_was_left() {
    let service = Running::start().await;
    service.put(1, &service.entry(1, 2)).await.unwrap();
    let mut events = watch(&service, None).await;
    service.put(1, &service.entry(1, 3)).await.unwrap();
    let seen = next(&mut events).await.sequence;
    assert_eq!(seen, 2);
    drop(events);
    service.put(1, &service.entry(1, 4)).await.unwrap();
    let service = service.restart(std::time::Duration::ZERO).await;
    let mut events =
        service.client(9).watch::<WatchTransports>((), EventsQuery::default(), Some(seen)).await.unwrap();
    assert_eq!(next(&mut events).await.sequence, 3);
}

#[tokio::test]
async fn a_reader_from_an_unknown_place_is_told_to_start_anew() {
    let service = Running::start().await;
    service.put(1, &service.entry(1, 2)).await.unwrap();
    let mut events = watch(&service, Some(1_000)).await;
    assert_eq!(events.next().await.unwrap().unwrap(), Event::Reset { sequence: 1 });
    assert!(events.next().await.is_none(), "the stream ends with the reset");
}

#[tokio::test]
async fn readers_are_counted_while_they_read() {
    let service = Running::start().await;
    let streams = [watch(&service, None).await, watch(&service, None).await];
    let client = service.client(9);
    let stats = client.call::<GetTransportStats>((), (), ()).await.unwrap();
    assert_eq!((stats.readers, stats.sequence), (2, 0));
    drop(streams);
    while client.call::<GetTransportStats>((), (), ()).await.unwrap().readers != 0 {}
}
