//! Crashed nodes leave nothing behind; living ones lose nothing.

use std::time::Duration;

use byway_api::{
    Event,
    transport_discovery::{ChangeKind, EventsQuery, GetTransportStats, TransportState, WatchTransports},
};
use byway_base::{
    Code,
    limits::{LEASE, TRANSPORT_RETENTION},
};
use futures_util::StreamExt;

use crate::fixture::Running;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_crashed_nodes_transports_go_down_within_the_lease_and_vanish_after_the_retention() {
    let service = Running::start().await;
    let (left, kept) = (service.entry(1, 2), service.entry(2, 3));
    service.put(1, &left).await.unwrap();
    service.put(2, &kept).await.unwrap();
    let (left, kept) = (left.entry.id(), kept.entry.id());
    let mut events =
        service.client(9).watch::<WatchTransports>((), EventsQuery::default(), Some(2)).await.unwrap();

    // Nodes 2 and 3 go on; node 1 does not.
    service.advance(LEASE - SECOND);
    assert_eq!(service.beat(2, &[left, kept]).await, []);
    assert_eq!(service.beat(3, &[kept]).await, []);
    service.advance(2 * SECOND);
    let down = loop {
        let Event::Item { item, .. } = events.next().await.unwrap().unwrap() else {
            panic!("the stream was reset")
        };
        if let ChangeKind::State { transport } = item.event {
            break transport;
        }
    };
    assert_eq!((down.id, down.state), (left, TransportState::Down));
    assert_eq!(service.get(kept).await.unwrap().state, TransportState::Up);

    // They also stay up while time passes, which the sweeps above have shown for one lease.
    service.beat(2, &[left, kept]).await;
    service.beat(3, &[kept]).await;
    service.advance(TRANSPORT_RETENTION + SECOND);
    loop {
        let Event::Item { item, .. } = events.next().await.unwrap().unwrap() else {
            panic!("the stream was reset")
        };
        if item.event == (ChangeKind::Expired { id: left }) {
            break;
        }
    }
    assert_eq!(service.get(left).await.unwrap_err().code, Code::NotFound);
    assert_eq!(service.beat(2, &[left]).await, [left], "the survivor is told to register anew");
}

#[tokio::test]
async fn while_the_service_was_away_no_lease_has_passed() {
    let service = Running::start().await;
    let entry = service.entry(1, 2);
    let id = entry.entry.id();
    service.put(1, &entry).await.unwrap();
    let service = service.restart(10 * LEASE).await;
    service.health.ready().await;
    assert_eq!(service.get(id).await.unwrap().state, TransportState::Up);
    for node in [1, 2] {
        assert_eq!(service.beat(node, &[id]).await, []);
    }
    service.advance(LEASE - SECOND);
    let stats = service.client(9).call::<GetTransportStats>((), (), ()).await.unwrap();
    assert_eq!((stats.transports.up, stats.transports.down, stats.nodes), (1, 0, 2));
}
