//! What an SQLite file must do beyond what every store does: outlive its process.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking and say where they are"
)]

use byway_base::{SecretKey, TransportType, UnixTime};
use byway_store::{OpenError, Store, StoreError};
use byway_wire::{SignedTransportEntry, TransportEntry};

const NOW: UnixTime = UnixTime(1_800_000_000);

fn signed() -> SignedTransportEntry {
    let (a, b) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
    let entry = TransportEntry::new(a.public(), b.public(), TransportType::new("tcp").unwrap(), NOW);
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    entry.with_signatures(&a.public(), by_a, by_b)
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_files_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.db");
    let store = Store::open(&format!("sqlite:{}", path.display())).await.unwrap();
    let entry = signed();
    let registered = store.transports().register(&entry, &entry.entry.edges[0], NOW).await.unwrap();

    // A copy of the files while the first process still has them open is what a kill would leave.
    let copy = directory.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(&path), name(&copy)).unwrap();
    }
    let survivor = Store::open(&format!("sqlite:{}", copy.display())).await.unwrap();
    assert_eq!(survivor.transports().get(&entry.entry.id()).await, Ok(registered.transport));
    assert_eq!(survivor.transports().newest().await, Ok(1));
}

#[tokio::test]
async fn a_closed_store_answers_with_an_error() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    store.close().await;
    assert!(matches!(store.transports().newest().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_file_that_is_no_database_or_cannot_be_made_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("registry.db");
    std::fs::write(&path, "this is no database, whatever its name says; it is long enough to have a header")
        .unwrap();
    let error = Store::open(&format!("sqlite:{}", path.display())).await.unwrap_err();
    assert!(matches!(error, OpenError::Unavailable(_)), "{error}");
    let error = Store::open("sqlite:/nowhere/at/all.db").await.unwrap_err();
    assert!(matches!(error, OpenError::Unavailable(_)), "{error}");
    let waited_for = Store::open_soon("sqlite:/nowhere/at/all.db").await.unwrap_err();
    assert!(matches!(waited_for, OpenError::Unavailable(_)), "a file does not come by waiting");
    assert!(matches!(Store::open("redis://x").await, Err(OpenError::Url(_))));
}
