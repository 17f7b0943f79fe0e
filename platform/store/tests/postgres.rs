//! What only a server of its own can do: die, come back, and serve several replicas.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking and say where they are"
)]

use std::{sync::Arc, time::Duration};

use byway_base::{PublicKey, SecretKey, TransportType, UnixTime};
use byway_store::{OpenError, Store, StoreError, changes::Tail};
use byway_testkit::{Postgres, postgres_or_skip};
use byway_wire::{SignedTransportEntry, TransportEntry};
use futures_util::future::join_all;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn signed(a: u8, b: u8, kind: &str) -> (SignedTransportEntry, PublicKey) {
    let (a, b) = (SecretKey::from_seed([a; 32]), SecretKey::from_seed([b; 32]));
    let entry = TransportEntry::new(a.public(), b.public(), TransportType::new(kind).unwrap(), NOW);
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    (entry.with_signatures(&a.public(), by_a, by_b), a.public())
}

struct Fixture {
    server: Arc<Postgres>,
    database: String,
}

impl Fixture {
    fn new() -> Option<Self> {
        let server = postgres_or_skip()?;
        let database = server.database().unwrap();
        Some(Self { server, database })
    }

    async fn store(&self) -> Store {
        Store::open(&self.server.url(&self.database)).await.unwrap()
    }
}

/// Registers, as a node would: again while the database is not available.
async fn register(store: &Store, a: u8, b: u8, kind: &str) {
    let (entry, by) = signed(a, b, kind);
    loop {
        match store.transports().register(&entry, &by, NOW).await {
            Ok(_) => return,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
        // The failure itself took a round trip or a deadline; give way to whatever brings the server back.
        tokio::task::yield_now().await;
    }
}

async fn read(store: &Store, since: u64) -> Option<u64> {
    match store.transports().changes_since(since, 10_000).await {
        Ok(Tail::Changes { upto, .. }) => Some(upto),
        Ok(Tail::Reset { .. }) => panic!("the log was lost"),
        Err(error) => {
            assert!(error.is_transient(), "{error}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_that_write_at_once_make_one_log_without_gaps_and_wake_each_others_readers() {
    let Some(fixture) = Fixture::new() else { return };
    let replicas = [fixture.store().await, fixture.store().await];
    let writers = (1..=20_u8).map(|seed| {
        let store = replicas[usize::from(seed % 2)].clone();
        async move {
            for kind in ["tcp", "quic", "messaging"] {
                register(&store, seed, seed + 100, kind).await;
            }
        }
    });
    let readers = replicas.iter().map(|store| async {
        let (mut at, mut waiting) = (0, store.subscribe());
        while at < 60 {
            if let Some(upto) = read(store, at).await {
                at = upto;
            }
            if at < 60 {
                waiting.wait().await;
            }
        }
        at
    });
    let (_, read) = tokio::join!(join_all(writers), join_all(readers));
    assert_eq!(read, [60, 60]);
    let Tail::Changes { items, .. } = replicas[0].transports().changes_since(0, 100).await.unwrap() else {
        panic!("the log was lost");
    };
    assert!(items.iter().map(|change| change.sequence).eq(1..=60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_connections_lose_no_acknowledged_write_and_readers_go_on_by_themselves() {
    let Some(fixture) = Fixture::new() else { return };
    let (writer, reader) = (fixture.store().await, fixture.store().await);
    let mut waiting = reader.subscribe();
    for seed in 1..=5 {
        register(&writer, seed, seed + 100, "tcp").await;
    }
    fixture.server.kill_backends(&fixture.database).unwrap();
    for seed in 6..=10 {
        register(&writer, seed, seed + 100, "tcp").await;
    }
    let mut at = 0;
    while at < 10 {
        match read(&reader, at).await {
            Some(upto) if upto > at => at = upto,
            _ => waiting.wait().await,
        }
    }
    assert_eq!(writer.transports().stats().await.unwrap().transports.up, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_gone_every_operation_says_so_and_afterwards_all_is_there() {
    let Some(fixture) = Fixture::new() else { return };
    let store = fixture.store().await;
    register(&store, 1, 2, "tcp").await;
    fixture.server.crash().unwrap();
    let (entry, by) = signed(3, 4, "tcp");
    let refused = store.transports().register(&entry, &by, NOW).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    assert!(Store::open(&fixture.server.url(&fixture.database)).await.is_err());
    fixture.server.start_again().unwrap();
    register(&store, 3, 4, "tcp").await;
    assert_eq!(store.transports().stats().await.unwrap().transports.up, 2);
    assert_eq!(store.check().await, Ok(()));
}

#[tokio::test]
async fn replicas_that_start_at_once_migrate_once() {
    let Some(fixture) = Fixture::new() else { return };
    let stores = join_all((0..4).map(|_| fixture.store())).await;
    for store in &stores {
        assert_eq!(store.transports().newest().await, Ok(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_server_is_away_at_first_opens_once_it_answers() {
    let Some(fixture) = Fixture::new() else { return };
    let url = fixture.server.url(&fixture.database);
    fixture.server.crash().unwrap();
    let (store, opening) = Store::open_soon(&url).await.unwrap();
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    let mut changes = store.subscribe();
    fixture.server.start_again().unwrap();
    opening.finish(Duration::from_secs(60)).await.unwrap();
    register(&store, 1, 2, "tcp").await;
    // Whoever subscribed before it opened hears of it.
    changes.wait().await;
    assert_eq!(read(&store, 0).await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_given_up() {
    let Some(fixture) = Fixture::new() else { return };
    let url = fixture.server.url(&fixture.database);
    fixture.server.crash().unwrap();
    let (store, opening) = Store::open_soon(&url).await.unwrap();
    let given_up = opening.finish(Duration::ZERO).await;
    assert!(matches!(given_up, Err(OpenError::Unavailable(_))), "{given_up:?}");
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    fixture.server.start_again().unwrap();
}
