//! The change log.

use std::collections::{BTreeMap, BTreeSet};

use byway_api::transport_discovery::{Change, ChangeKind, TransportView};
use byway_base::{TransportId, limits::HEARTBEAT_INTERVAL};
use byway_store::{Store, changes::Tail};
use futures_util::future::join_all;

use crate::fixture::{NOW, Snapshot, beat, key, later, report, signed, snapshot};

async fn changes(store: &Store, since: u64) -> Vec<Change> {
    match store.transports().changes_since(since, 10_000).await.unwrap() {
        Tail::Changes { items, .. } => items,
        Tail::Reset { .. } => panic!("the log was lost"),
    }
}

pub(crate) async fn changes_have_numbers_without_gaps_in_the_order_of_commits(store: &Store) {
    let writers = (10..26).map(|seed| async move {
        for kind in ["tcp", "quic", "messaging"] {
            store.transports().register(&signed(seed, seed + 100, kind, NOW), &key(seed), NOW).await.unwrap();
        }
    });
    let reader = async {
        let (mut seen, mut at, mut waiting) = (Vec::new(), 0, store.subscribe());
        while at < 48 {
            let found = changes(store, at).await;
            assert!(found.iter().zip(at + 1..).all(|(change, number)| change.sequence == number));
            at += found.len() as u64;
            seen.extend(found);
            if at < 48 {
                waiting.wait().await;
            }
        }
        seen
    };
    let (_, seen) = tokio::join!(join_all(writers), reader);
    let ids: BTreeSet<_> = seen
        .iter()
        .map(|change| match &change.event {
            ChangeKind::Registered { transport } => transport.id,
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(ids.len(), 48, "a reader that follows while others write misses nothing");
}

pub(crate) async fn a_heartbeat_without_news_leaves_no_change(store: &Store) {
    let registry = store.transports();
    let entry = signed(1, 2, "tcp", NOW);
    let id = entry.entry.id();
    registry.register(&entry, &key(1), NOW).await.unwrap();
    beat(registry, 1, true, &[report(id, true, 20_000)], later(10)).await.unwrap();
    let newest = registry.newest().await.unwrap();
    beat(registry, 1, true, &[report(id, true, 21_000)], later(20)).await.unwrap();
    assert_eq!(registry.newest().await, Ok(newest), "five per cent are noise");
    assert_eq!(registry.get(&id).await.unwrap().metrics.rtt_us, 20_000);
    beat(registry, 1, true, &[report(id, true, 23_000)], later(30)).await.unwrap();
    let last = changes(store, newest).await;
    assert!(matches!(&last[..], [Change { event: ChangeKind::Metrics { transport }, .. }]
        if transport.metrics.rtt_us == 23_000 && transport.sequence == newest + 1));
}

pub(crate) async fn a_reader_from_an_unknown_place_is_told_to_start_anew(store: &Store) {
    let registry = store.transports();
    registry.register(&signed(1, 2, "tcp", NOW), &key(1), NOW).await.unwrap();
    assert_eq!(registry.changes_since(1, 10).await, Ok(Tail::Changes { items: vec![], upto: 1 }));
    assert_eq!(registry.changes_since(2, 10).await, Ok(Tail::Reset { newest: 1 }));
    assert_eq!(registry.changes_since(u64::MAX, 10).await, Ok(Tail::Reset { newest: 1 }));
    assert_eq!(registry.oldest_kept().await, Ok(0));
}

pub(crate) async fn a_snapshot_and_the_changes_after_it_give_the_present_state(store: &Store) {
    let registry = store.transports();
    let entries =
        [(1, 2, "tcp"), (1, 2, "quic"), (2, 3, "tcp"), (3, 4, "tcp")].map(|(a, b, k)| signed(a, b, k, NOW));
    for entry in &entries[..3] {
        registry.register(entry, &entry.entry.edges[0], NOW).await.unwrap();
    }
    let before = snapshot(registry).await;
    assert_eq!((before.sequence, before.transports.len()), (3, 3));
    registry.remove(&entries[0].entry.id(), NOW, NOW).await.unwrap();
    registry.register(&entries[3], &key(3), NOW).await.unwrap();
    let now = later(HEARTBEAT_INTERVAL.as_secs());
    beat(registry, 1, true, &[], now).await.unwrap();
    registry.remove(&entries[2].entry.id(), NOW, NOW).await.unwrap();

    let mirror = mirror_of(store, before).await;
    let present = snapshot(registry).await;
    assert_eq!(mirror, present.transports);
    assert_eq!(present.nodes.len(), 1, "only nodes that reported");
}

/// What a reader of a snapshot has after the changes that follow it.
async fn mirror_of(store: &Store, snapshot: Snapshot) -> Vec<TransportView> {
    let mut mirror: BTreeMap<TransportId, TransportView> =
        snapshot.transports.into_iter().map(|view| (view.id, view)).collect();
    for change in changes(store, snapshot.sequence).await {
        match change.event {
            ChangeKind::Registered { transport }
            | ChangeKind::State { transport }
            | ChangeKind::Metrics { transport } => {
                mirror.insert(transport.id, transport);
            }
            ChangeKind::Removed { id } | ChangeKind::Expired { id } => {
                mirror.remove(&id);
            }
            ChangeKind::Node { .. } => {}
        }
    }
    mirror.into_values().collect()
}

pub(crate) async fn snapshots_taken_while_others_write_are_completed_by_the_changes_after_them(
    store: &Store,
) {
    let registry = store.transports();
    // Each writer registers, measures, takes down and deletes transports of its own, one of which stays.
    let write = async |seed: u8| {
        for round in 0..4 {
            let (stays, goes) = (signed(seed, 100, "tcp", NOW), signed(seed, 101, "quic", later(round)));
            let (stays, id) = (registry.register(&stays, &key(seed), NOW).await.unwrap(), goes.entry.id());
            registry.register(&goes, &key(seed), later(round)).await.unwrap();
            let rtt_us = 10_000 * (u32::try_from(round).unwrap() + 1);
            let reports = [report(stays.transport.id, round != 2, rtt_us), report(id, true, rtt_us)];
            beat(registry, seed, round % 2 == 0, &reports, later(round)).await.unwrap();
            if round != 3 {
                registry.remove(&id, later(round), later(round)).await.unwrap();
            }
        }
    };
    let writing = join_all((1..=8).map(write));
    let reading = async {
        let mut taken = Vec::new();
        for _ in 0..12 {
            taken.push(snapshot(registry).await);
        }
        taken
    };
    let (_, taken) = tokio::join!(writing, reading);
    let present = snapshot(registry).await;
    assert_eq!(present.transports.len(), 16);
    let numbers: BTreeSet<_> = taken.iter().map(|snapshot| snapshot.sequence).collect();
    assert!(numbers.len() > 1, "they were taken between writes: {numbers:?}");
    for snapshot in taken {
        let sequence = snapshot.sequence;
        assert_eq!(mirror_of(store, snapshot).await, present.transports, "from {sequence}");
    }
}

pub(crate) async fn subscribers_wake_up_on_a_change(store: &Store) {
    let mut waiting = store.subscribe();
    let first = changes(store, 0).await;
    let write = async {
        store.transports().register(&signed(1, 2, "tcp", NOW), &key(1), NOW).await.unwrap();
    };
    let read = async {
        while changes(store, 0).await == first {
            waiting.wait().await;
        }
    };
    tokio::join!(read, write);
}

pub(crate) async fn a_node_that_changes_its_mind_about_transit_is_a_change(store: &Store) {
    let registry = store.transports();
    for (transit, at) in [(true, 0), (true, 10), (false, 20), (false, 30)] {
        beat(registry, 1, transit, &[], later(at)).await.unwrap();
    }
    let said: Vec<_> = changes(store, 0)
        .await
        .into_iter()
        .map(|change| match change.event {
            ChangeKind::Node { node } => (node.key, change.sequence),
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(said, [(key(1), 1), (key(1), 2)]);
    assert!(!snapshot(registry).await.nodes[0].transit);
}
