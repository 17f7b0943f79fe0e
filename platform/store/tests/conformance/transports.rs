//! The registry of transports.

use std::time::Duration;

use byway_api::transport_discovery::TransportState::{Down, Up};
use byway_base::limits::{
    HEARTBEAT_INTERVAL, LEASE, TOMBSTONE_RETENTION, TRANSPORT_RETENTION, TRANSPORTS_PER_NODE,
};
use byway_base::{SecretKey, Stamp, TransportType};
use byway_store::{Store, StoreError, transports::Filter};
use byway_wire::{SignedTransportEntry, TransportEntry};
use futures_util::{StreamExt, stream};

use crate::fixture::{NOW, beat, key, later, report, signed};

pub(crate) async fn a_registered_transport_is_up_when_both_edges_just_signed_it(store: &Store) {
    let entry = signed(1, 2, "tcp", NOW);
    let done = store.transports().register(&entry, &key(1), NOW).await.unwrap();
    assert!(done.new);
    assert_eq!((done.transport.state, done.transport.sequence), (Up, 1));
    assert_eq!(done.transport.signed, entry);
    assert_eq!(store.transports().get(&entry.entry.id()).await.unwrap(), done.transport);
    entry.verify().unwrap();
}

pub(crate) async fn an_old_entry_is_up_only_after_both_edges_said_so(store: &Store) {
    let registry = store.transports();
    let entry = signed(1, 2, "tcp", NOW);
    let id = entry.entry.id();
    let now = later(LEASE.as_secs());
    assert_eq!(registry.register(&entry, &key(1), now).await.unwrap().transport.state, Down);
    assert_eq!(beat(registry, 2, true, &[report(id, true, 0)], now).await.unwrap(), []);
    assert_eq!(registry.get(&id).await.unwrap().state, Up);
}

pub(crate) async fn a_newer_entry_replaces_an_older_one_and_not_the_other_way_round(store: &Store) {
    let registry = store.transports();
    let (old, new) = (signed(1, 2, "tcp", NOW), signed(1, 2, "tcp", later(5)));
    registry.register(&old, &key(1), NOW).await.unwrap();
    assert!(registry.register(&new, &key(2), later(5)).await.unwrap().new);
    let refused = registry.register(&old, &key(1), later(6)).await;
    assert_eq!(refused, Err(StoreError::Conflict { newer: later(5).0 }));
    assert_eq!(registry.get(&new.entry.id()).await.unwrap().signed, new);
}

pub(crate) async fn the_same_registration_again_changes_nothing(store: &Store) {
    let registry = store.transports();
    let entry = signed(1, 2, "tcp", NOW);
    let first = registry.register(&entry, &key(1), NOW).await.unwrap();
    let again = registry.register(&entry, &key(2), NOW).await.unwrap();
    assert!(!again.new);
    assert_eq!(again.transport, first.transport);
    assert_eq!(registry.newest().await, Ok(1));
}

pub(crate) async fn a_deleted_transport_does_not_come_back_by_an_entry_from_before(store: &Store) {
    let registry = store.transports();
    let (published, kept_back) = (signed(1, 2, "tcp", NOW), signed(1, 2, "tcp", later(3)));
    let id = published.entry.id();
    registry.register(&published, &key(1), NOW).await.unwrap();
    registry.remove(&id, NOW, later(4)).await.unwrap();
    assert_eq!(registry.get(&id).await, Err(StoreError::NotFound));
    for replayed in [&published, &kept_back] {
        let refused = registry.register(replayed, &key(1), later(5)).await;
        assert_eq!(refused, Err(StoreError::Conflict { newer: later(4).0 }));
        assert_eq!(registry.get(&id).await, Err(StoreError::NotFound), "nothing of it was kept");
    }
    registry.register(&signed(1, 2, "tcp", later(5)), &key(1), later(5)).await.unwrap();
    assert_eq!(registry.get(&id).await.unwrap().state, Up);
}

pub(crate) async fn what_is_not_registered_is_not_found(store: &Store) {
    let id = signed(1, 2, "tcp", NOW).entry.id();
    assert_eq!(store.transports().get(&id).await, Err(StoreError::NotFound));
    assert_eq!(store.transports().remove(&id, NOW, NOW).await, Err(StoreError::NotFound));
    assert_eq!(store.transports().newest().await, Ok(0));
}

pub(crate) async fn a_heartbeat_takes_down_what_it_reports_down_or_does_not_list(store: &Store) {
    let registry = store.transports();
    let (said, silent) = (signed(1, 2, "tcp", NOW), signed(1, 2, "quic", NOW));
    for entry in [&said, &silent] {
        registry.register(entry, &key(1), NOW).await.unwrap();
    }
    let now = later(HEARTBEAT_INTERVAL.as_secs());
    beat(registry, 1, true, &[report(said.entry.id(), false, 0)], now).await.unwrap();
    for entry in [&said, &silent] {
        let view = registry.get(&entry.entry.id()).await.unwrap();
        let side = usize::from(entry.entry.edges[1] == key(1));
        assert_eq!((view.state, view.claims[side].up, view.claims[1 - side].up), (Down, false, true));
        assert_eq!(view.claims[side].renewed_at, now);
    }
}

pub(crate) async fn an_old_heartbeat_is_refused_and_changes_nothing(store: &Store) {
    let registry = store.transports();
    let entry = signed(1, 2, "tcp", NOW);
    let id = entry.entry.id();
    registry.register(&entry, &key(1), NOW).await.unwrap();
    let take = async |created, mark, up, now| {
        let stamp = Stamp { created, mark };
        registry.heartbeat(&key(1), true, &[report(id, up, 0)], stamp, now).await
    };
    // With news and without, as these go different ways.
    take(later(3), 1, true, later(5)).await.unwrap();
    take(later(4), 2, true, later(6)).await.unwrap();
    for (created, mark) in [(later(3), 1), (later(3), 9), (later(4), 2)] {
        for up in [true, false] {
            assert_eq!(take(created, mark, up, later(7)).await, Err(StoreError::Replayed));
        }
    }
    let view = registry.get(&id).await.unwrap();
    let side = usize::from(entry.entry.edges[1] == key(1));
    assert_eq!((view.state, view.claims[side].renewed_at), (Up, later(6)));
    take(later(4), 3, false, later(8)).await.unwrap();
    // A clock that was ahead and is set right is not taken for an old one.
    take(later(500), 4, false, later(9)).await.unwrap();
    take(later(10), 5, true, later(10)).await.unwrap();
    assert_eq!(registry.get(&id).await.unwrap().state, Up);
}

pub(crate) async fn a_transport_registered_while_a_heartbeat_was_on_its_way_stays_up(store: &Store) {
    let registry = store.transports();
    let entry = signed(1, 2, "tcp", NOW);
    registry.register(&entry, &key(1), NOW).await.unwrap();
    beat(registry, 2, true, &[], later(1)).await.unwrap();
    assert_eq!(registry.get(&entry.entry.id()).await.unwrap().state, Up);
}

pub(crate) async fn a_heartbeat_names_what_is_unknown_or_not_the_nodes_own(store: &Store) {
    let registry = store.transports();
    let (own, others, unknown) =
        (signed(1, 2, "tcp", NOW), signed(2, 3, "tcp", NOW), signed(1, 4, "tcp", NOW));
    registry.register(&own, &key(1), NOW).await.unwrap();
    registry.register(&others, &key(2), NOW).await.unwrap();
    let reports = [&own, &others, &unknown].map(|entry| report(entry.entry.id(), false, 7));
    let mut named = vec![others.entry.id(), unknown.entry.id()];
    named.sort_unstable();
    assert_eq!(beat(registry, 1, true, &reports, NOW).await, Ok(named));
    let untouched = registry.get(&others.entry.id()).await.unwrap();
    assert_eq!((untouched.state, untouched.metrics.rtt_us), (Up, 0), "only its edges speak for a transport");
}

/// A node's `count` transports, registered; the entries need no real signatures here.
async fn register_many(store: &Store, count: usize) -> Vec<SignedTransportEntry> {
    let template = signed(1, 2, "tcp", NOW);
    let entries: Vec<_> = (0..count as u64)
        .map(|number| {
            let mut seed = [9; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let peer = SecretKey::from_seed(seed).public();
            let entry = TransportEntry::new(key(1), peer, TransportType::new("tcp").unwrap(), NOW);
            SignedTransportEntry { entry, signatures: template.signatures }
        })
        .collect();
    stream::iter(&entries)
        .for_each_concurrent(4, |entry| async move {
            store.transports().register(entry, &key(1), NOW).await.unwrap();
        })
        .await;
    entries
}

pub(crate) async fn a_heartbeat_of_thousands_of_transports_is_taken_at_once(store: &Store) {
    let entries = register_many(store, 1_200).await;
    let reports: Vec<_> = entries.iter().map(|entry| report(entry.entry.id(), true, 30_000)).collect();
    assert_eq!(beat(store.transports(), 1, true, &reports, later(1)).await, Ok(vec![]));
    let all =
        store.transports().list(&Filter { edge: Some(key(1)), ..Filter::default() }, 2_000).await.unwrap();
    assert_eq!(all.len(), 1_200);
    assert!(all.iter().all(|view| view.metrics.rtt_us == 30_000 && view.sequence > 1_200));
}

pub(crate) async fn a_nodes_transports_go_down_when_its_lease_passes_and_expire_after_the_retention(
    store: &Store,
) {
    let registry = store.transports();
    let (left, kept) = (signed(1, 2, "tcp", NOW), signed(2, 3, "tcp", NOW));
    let (left_id, kept_id) = (left.entry.id(), kept.entry.id());
    registry.register(&left, &key(1), NOW).await.unwrap();
    registry.register(&kept, &key(2), NOW).await.unwrap();
    let now = later(LEASE.as_secs());
    assert_eq!(registry.sweep(now).await.unwrap().lapsed, 0, "the lease holds to its last second");
    let now = later(LEASE.as_secs() + 1);
    for node in [2, 3] {
        let reports = [report(left_id, true, 0), report(kept_id, true, 0)];
        beat(registry, node, true, &reports, now).await.unwrap();
    }
    let swept = registry.sweep(now).await.unwrap();
    assert_eq!((swept.lapsed, swept.down, swept.expired), (1, 1, 0));
    assert_eq!(registry.get(&left_id).await.unwrap().state, Down);
    assert_eq!(registry.get(&kept_id).await.unwrap().state, Up);

    let now = now.plus(TRANSPORT_RETENTION);
    assert_eq!(registry.sweep(now).await.unwrap().expired, 0);
    let now = now.plus(Duration::from_secs(1));
    let reports = [report(left_id, true, 0), report(kept_id, true, 0)];
    for node in [2, 3] {
        beat(registry, node, true, &reports, now).await.unwrap();
    }
    assert_eq!(registry.sweep(now).await.unwrap().expired, 1);
    assert_eq!(registry.get(&left_id).await, Err(StoreError::NotFound));
    assert_eq!(beat(registry, 1, true, &reports[..1], now).await, Ok(vec![left_id]));
    let back = registry.register(&left, &key(1), now).await.unwrap();
    assert!(back.new, "an expired transport may be registered again with the entry that it had");
}

pub(crate) async fn what_nobody_needs_any_more_is_forgotten_and_counted_no_more(store: &Store) {
    let registry = store.transports();
    let (deleted, left) = (signed(1, 2, "tcp", NOW), signed(3, 4, "quic", NOW));
    for entry in [&deleted, &left] {
        registry.register(entry, &entry.entry.edges[0], NOW).await.unwrap();
    }
    registry.remove(&deleted.entry.id(), NOW, NOW).await.unwrap();
    let stats = registry.stats().await.unwrap();
    assert_eq!((stats.nodes, stats.by_type.len()), (4, 1));

    let lapsed = later(LEASE.as_secs() + 1);
    registry.sweep(lapsed).await.unwrap();
    let gone = lapsed.plus(TRANSPORT_RETENTION + Duration::from_secs(1));
    registry.sweep(gone).await.unwrap();
    let stats = registry.stats().await.unwrap();
    assert_eq!((stats.nodes, stats.transports.down, stats.by_type.len()), (0, 0, 0));
    let refused = registry.register(&deleted, &key(1), gone).await;
    assert_eq!(refused, Err(StoreError::Conflict { newer: NOW.0 }), "its tombstone is still there");
    let forgotten = later(TOMBSTONE_RETENTION.as_secs() + 1);
    registry.sweep(forgotten).await.unwrap();
    assert!(registry.register(&deleted, &key(1), forgotten).await.unwrap().new);
}

pub(crate) async fn a_renewed_lease_does_not_pass(store: &Store) {
    let registry = store.transports();
    let entry = signed(1, 2, "tcp", NOW);
    let id = entry.entry.id();
    registry.register(&entry, &key(1), NOW).await.unwrap();
    for interval in 1..=10 {
        let now = later(interval * HEARTBEAT_INTERVAL.as_secs());
        for node in [1, 2] {
            beat(registry, node, true, &[report(id, true, 0)], now).await.unwrap();
        }
        assert_eq!(registry.sweep(now).await.unwrap().lapsed, 0);
    }
    assert_eq!(registry.get(&id).await.unwrap().state, Up);
}

pub(crate) async fn listings_filter_and_turn_pages(store: &Store) {
    let registry = store.transports();
    for (a, b, kind, by) in [(1, 2, "tcp", 1), (1, 2, "quic", 1), (2, 3, "tcp", 2), (3, 4, "tcp", 3)] {
        registry.register(&signed(a, b, kind, NOW), &key(by), NOW).await.unwrap();
    }
    let down = signed(2, 3, "tcp", NOW).entry.id();
    beat(registry, 3, true, &[report(down, false, 0)], NOW).await.unwrap();

    let mut ids = Vec::new();
    let mut filter = Filter::default();
    loop {
        let page = registry.list(&filter, 3).await.unwrap();
        ids.extend(page.iter().map(|view| view.id));
        filter.after = page.last().map(|view| view.id);
        if page.len() < 3 {
            break;
        }
    }
    assert!(ids.len() == 4 && ids.is_sorted());
    let tcp = Some(TransportType::new("tcp").unwrap());
    for (filter, count) in [
        (Filter { edge: Some(key(2)), ..Filter::default() }, 3),
        (Filter { edge: Some(key(9)), ..Filter::default() }, 0),
        (Filter { kind: tcp.clone(), ..Filter::default() }, 3),
        (Filter { state: Some(Down), ..Filter::default() }, 1),
        (Filter { edge: Some(key(2)), kind: tcp, state: Some(Up), ..Filter::default() }, 1),
    ] {
        assert_eq!(registry.list(&filter, 10).await.unwrap().len(), count, "{filter:?}");
    }
}

pub(crate) async fn stats_count_by_type_state_and_node(store: &Store) {
    let registry = store.transports();
    for (a, b, kind, by) in [(1, 2, "tcp", 1), (1, 2, "quic", 1), (2, 3, "tcp", 2)] {
        registry.register(&signed(a, b, kind, NOW), &key(by), NOW).await.unwrap();
    }
    let down = signed(1, 2, "tcp", NOW).entry.id();
    beat(registry, 1, true, &[report(down, false, 0)], NOW).await.unwrap();
    let stats = registry.stats().await.unwrap();
    assert_eq!((stats.nodes, stats.transports.up, stats.transports.down), (3, 2, 1));
    assert_eq!((stats.by_type["tcp"].up, stats.by_type["tcp"].down, stats.by_type["quic"].up), (1, 1, 1));
    assert_eq!(stats.sequence, registry.newest().await.unwrap());
}

pub(crate) async fn a_node_beyond_its_limit_of_transports_is_refused(store: &Store) {
    register_many(store, TRANSPORTS_PER_NODE).await;
    let one_more = signed(1, 2, "tcp", NOW);
    let refused = store.transports().register(&one_more, &key(1), NOW).await;
    assert_eq!(refused, Err(StoreError::Full { limit: TRANSPORTS_PER_NODE }));
    assert_eq!(store.transports().get(&one_more.entry.id()).await, Err(StoreError::NotFound));
}
