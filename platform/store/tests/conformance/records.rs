//! The registry of contact records.

use byway_base::UnixTime;
use byway_store::{Store, StoreError, records::ServerFilter};
use byway_wire::{Record, RecordBody, SignedRecord};

use crate::fixture::{NOW, key, later, secret};

fn record(seed: u8, sequence: u64, expires: UnixTime, body: RecordBody) -> SignedRecord {
    Record { subject: key(seed), sequence, expires, body }.sign(&secret(seed))
}

fn node(seed: u8, sequence: u64, expires: UnixTime) -> SignedRecord {
    let body = RecordBody::Node { servers: vec![key(200)], candidates: vec![], transit: true };
    record(seed, sequence, expires, body)
}

fn server(seed: u8, clients: u32, capacity: u32, region: &str, draining: bool) -> SignedRecord {
    let address = "192.0.2.1:443".parse().unwrap();
    let body = RecordBody::Server {
        addresses: vec![address],
        udp: Vec::new(),
        capacity,
        clients,
        region: region.into(),
        draining,
    };
    record(seed, 1, later(60), body)
}

pub(crate) async fn a_higher_sequence_replaces_a_lower_one_and_not_the_other_way_round(store: &Store) {
    let records = store.records();
    let (old, new) = (node(1, 5, later(60)), node(1, u64::MAX, later(50)));
    assert_eq!(records.put(&old, NOW).await, Ok(true));
    assert_eq!(records.put(&old, NOW).await, Ok(false), "the same again is no error");
    let other = node(1, 5, later(61));
    assert_eq!(records.put(&other, NOW).await, Err(StoreError::Conflict { newer: 5 }));
    assert_eq!(records.put(&new, NOW).await, Ok(true));
    assert_eq!(records.put(&old, NOW).await, Err(StoreError::Conflict { newer: u64::MAX }));
    assert_eq!(records.get(&key(1), NOW).await, Ok(new));
}

pub(crate) async fn expired_records_vanish_and_older_ones_do_not_return(store: &Store) {
    let records = store.records();
    let (long, short) = (node(1, 5, later(100)), node(1, 6, later(50)));
    records.put(&long, NOW).await.unwrap();
    records.put(&short, NOW).await.unwrap();
    assert_eq!(records.get(&key(1), later(50)).await, Err(StoreError::NotFound));
    assert_eq!(records.sweep(later(50)).await, Ok(0));
    assert_eq!(records.put(&long, later(60)).await, Err(StoreError::Conflict { newer: 6 }));
    assert_eq!(records.sweep(later(100)).await, Ok(1));
    assert_eq!(records.put(&node(1, 1, later(200)), later(100)).await, Ok(true));
}

pub(crate) async fn a_tombstone_hides_its_subject_until_it_expires(store: &Store) {
    let records = store.records();
    let before = node(1, 5, later(100));
    records.put(&before, NOW).await.unwrap();
    let tombstone = record(1, 6, later(110), RecordBody::Tombstone {});
    records.put(&tombstone, NOW).await.unwrap();
    assert_eq!(records.put(&before, NOW).await, Err(StoreError::Conflict { newer: 6 }));
    assert_eq!(records.get(&key(1), NOW).await, Ok(tombstone));
    assert_eq!(records.get(&key(1), later(110)).await, Err(StoreError::NotFound));
}

pub(crate) async fn several_records_are_read_at_once(store: &Store) {
    let records = store.records();
    for seed in 1..=3 {
        records.put(&node(seed, 1, later(u64::from(seed) * 10)), NOW).await.unwrap();
    }
    let asked = [key(1), key(2), key(3), key(4)];
    let mut expected = vec![key(2), key(3)];
    expected.sort_unstable();
    let found = records.get_many(&asked, later(15)).await.unwrap();
    assert_eq!(found.iter().map(|signed| signed.record.subject).collect::<Vec<_>>(), expected);
    assert_eq!(records.get_many(&[], NOW).await, Ok(vec![]));
}

pub(crate) async fn servers_come_in_the_order_of_their_load(store: &Store) {
    let records = store.records();
    let servers = [
        server(1, 50, 100, "eu", false),
        server(2, 10, 100, "us", false),
        server(3, 0, 100, "eu", true),
        server(4, 30, 1_000, "eu", false),
        server(5, 1, 0, "eu", false),
    ];
    for signed in &servers {
        records.put(signed, NOW).await.unwrap();
    }
    records.put(&node(6, 1, later(60)), NOW).await.unwrap();
    let (mut order, mut filter) = (Vec::new(), ServerFilter::default());
    loop {
        let page = records.servers(&filter, 2, NOW).await.unwrap();
        order.extend(page.servers.iter().map(|signed| signed.record.subject));
        filter.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(order, [4, 2, 1, 5, 3].map(key));
    let us = ServerFilter { region: Some("us".into()), ..ServerFilter::default() };
    assert_eq!(records.servers(&us, 10, NOW).await.unwrap().servers, [servers[1].clone()]);
    assert_eq!(records.servers(&ServerFilter::default(), 10, later(60)).await.unwrap().servers, []);
}

pub(crate) async fn servers_of_the_askers_region_come_first_while_they_have_free_places(store: &Store) {
    let records = store.records();
    let servers = [
        server(1, 50, 100, "eu", false),
        server(2, 10, 100, "us", false),
        server(3, 0, 100, "eu", true),
        server(4, 100, 100, "eu", false),
        server(5, 0, 100, "", false),
    ];
    for signed in &servers {
        records.put(signed, NOW).await.unwrap();
    }
    for (near, expected) in [("eu", [1, 5, 2, 4, 3]), ("us", [2, 5, 1, 4, 3]), ("", [5, 2, 1, 4, 3])] {
        let (mut order, mut filter) =
            (Vec::new(), ServerFilter { near: Some(near.into()), ..ServerFilter::default() });
        loop {
            let page = records.servers(&filter, 2, NOW).await.unwrap();
            order.extend(page.servers.iter().map(|signed| signed.record.subject));
            filter.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        assert_eq!(order, expected.map(key), "near '{near}'");
    }
}

pub(crate) async fn a_published_record_serves_nobody_to_delete_or_to_alter_it(store: &Store) {
    let records = store.records();
    let published = node(1, 5, later(60));
    records.put(&published, NOW).await.unwrap();
    // Whoever reads the record can bring it again, as often and as late as it likes: nothing changes by that.
    assert_eq!(records.put(&published, later(30)).await, Ok(false));
    assert_eq!(records.get(&key(1), later(30)).await, Ok(published.clone()));
    assert_eq!(
        records.get(&key(1), later(60)).await,
        Err(StoreError::NotFound),
        "it expires as it was signed"
    );
    // Once it has left, by its own tombstone, its former record does not bring it back.
    let left = record(1, 6, later(70), RecordBody::Tombstone {});
    records.put(&left, later(31)).await.unwrap();
    assert_eq!(records.put(&published, later(32)).await, Err(StoreError::Conflict { newer: 6 }));
    assert_eq!(records.get(&key(1), later(32)).await, Ok(left));
}

pub(crate) async fn record_stats_count_what_has_not_expired(store: &Store) {
    let records = store.records();
    records.put(&node(1, 1, later(10)), NOW).await.unwrap();
    records.put(&node(2, 1, later(60)), NOW).await.unwrap();
    records.put(&server(3, 5, 10, "eu", false), NOW).await.unwrap();
    records.put(&server(4, 6, 10, "eu", false), NOW).await.unwrap();
    records.put(&record(5, 1, later(60), RecordBody::Tombstone {}), NOW).await.unwrap();
    let stats = records.stats(later(10)).await.unwrap();
    assert_eq!((stats.nodes, stats.servers, stats.clients, stats.tombstones), (1, 2, 11, 1));
}
