//! The open store, or one that will be.

use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use byway_base::limits::REDIAL_MIN;
use parking_lot::Mutex;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use crate::{
    Changes, OpenError, Records, StoreError, Transports, changes,
    db::{Db, Query, Row, Target, Tx, query},
    migrate,
    notify::{self, Notifier},
    transports::writer::{self, Writer},
};

/// Longest pause between two attempts to open: a service that starts is waited for.
const OPEN_PAUSE_MAX: Duration = Duration::from_secs(5);

/// The registries in one database. Cloning gives another handle on the same connections.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Set once it is open.
    db: OnceLock<Db>,
    /// Why it is not open.
    trouble: Mutex<String>,
    notifier: Notifier,
    /// Follows the other replicas; PostgreSQL only.
    follower: OnceLock<AbortHandle>,
    /// Takes registrations and heartbeats.
    writer: OnceLock<Writer>,
}

/// A store that ends with its last other handle.
pub(crate) struct WeakStore(Weak<Shared>);

impl WeakStore {
    pub(crate) fn upgrade(&self) -> Option<Store> {
        self.0.upgrade().map(|shared| Store { shared })
    }
}

/// The rest of opening a store whose database did not answer at first.
#[must_use = "without it the store never opens"]
pub struct Opening {
    store: Store,
    target: Option<Target>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.get() {
            follower.abort();
        }
    }
}

impl Store {
    /// Opens `postgres://…`, `sqlite:PATH` or `sqlite::memory:` and brings it to the present schema. An SQLite file
    /// is created if need be, and copied beside itself before a migration.
    ///
    /// # Errors
    /// [`OpenError`]; its texts never repeat the URL.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let store = Self::unopened();
        store.finish_opening(&url.parse()?).await?;
        Ok(store)
    }

    /// As [`Self::open`], but where a PostgreSQL server does not answer, the store is given all the same: its operations
    /// answer [`StoreError::Unavailable`] until [`Opening::finish`] has done the rest.
    ///
    /// # Errors
    /// [`OpenError`]; not for a server that is away.
    pub async fn open_soon(url: &str) -> Result<(Self, Opening), OpenError> {
        let (store, target) = (Self::unopened(), url.parse()?);
        let target = match store.finish_opening(&target).await {
            Ok(()) => None,
            Err(OpenError::Unavailable(why)) if matches!(target, Target::Pg(_)) => {
                tracing::warn!(why, "the database does not answer; waiting for it");
                Some(target)
            }
            Err(error) => return Err(error),
        };
        Ok((store.clone(), Opening { store, target }))
    }

    fn unopened() -> Self {
        let (db, follower, writer) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let trouble = Mutex::new("it is not open yet".to_owned());
        Self { shared: Arc::new(Shared { db, trouble, notifier: Notifier::new(), follower, writer }) }
    }

    async fn finish_opening(&self, target: &Target) -> Result<(), OpenError> {
        self.shared.open(target).await?;
        let _first = self.shared.writer.set(writer::spawn(WeakStore(Arc::downgrade(&self.shared))));
        Ok(())
    }

    /// The registry of transports.
    #[must_use]
    pub fn transports(&self) -> Transports<'_> {
        Transports::new(self)
    }

    /// The registry of contact records.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::new(self)
    }

    /// A reader's end of the change log, see [`changes`].
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        self.shared.notifier.subscribe()
    }

    /// Whether the database answers and takes writes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.execute(query("UPDATE counters SET value = value + 1 WHERE name = 'checks'")).await?;
        tx.commit().await
    }

    /// Closes the connections after what is under way. Later operations answer [`StoreError::Unavailable`].
    pub async fn close(&self) {
        if let Some(follower) = self.shared.follower.get() {
            follower.abort();
        }
        if let Some(db) = self.shared.db.get() {
            db.close().await;
        }
    }

    pub(crate) async fn fetch(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.shared.db()?.fetch(query).await
    }

    #[cfg(test)]
    pub(crate) fn db(&self) -> Result<&Db, StoreError> {
        self.shared.db()
    }

    pub(crate) fn writer(&self) -> Result<&Writer, StoreError> {
        self.shared.writer.get().ok_or_else(|| StoreError::Unavailable(self.shared.trouble.lock().clone()))
    }

    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.shared.db()?.begin().await
    }

    /// Begins a transaction that may change transports: one at a time, of all replicas.
    pub(crate) async fn begin_change(&self) -> Result<Tx, StoreError> {
        let mut tx = self.begin().await?;
        changes::lock(&mut tx).await?;
        Ok(tx)
    }

    /// Commits a transaction that appended to the change log, then wakes the log's readers.
    pub(crate) async fn commit_logged(&self, tx: Tx) -> Result<(), StoreError> {
        let _tick = self.shared.notifier.on_drop();
        tx.commit().await
    }
}

impl Shared {
    fn db(&self) -> Result<&Db, StoreError> {
        self.db.get().ok_or_else(|| StoreError::Unavailable(self.trouble.lock().clone()))
    }

    /// Connects and migrates; once.
    async fn open(&self, target: &Target) -> Result<(), OpenError> {
        let opened = async {
            let db = target.open().await?;
            let file = if let Target::File(path) = target { Some(path.as_path()) } else { None };
            migrate::migrate(&db, file, migrate::MIGRATIONS).await?;
            Ok(db)
        };
        let db = opened.await.inspect_err(|error: &OpenError| *self.trouble.lock() = error.to_string())?;
        if let Db::Pg(pool) = &db {
            let _first = self.follower.set(notify::follow(pool.clone(), self.notifier.clone()));
        }
        let _first = self.db.set(db);
        Ok(())
    }
}

impl fmt::Debug for Opening {
    /// Without the target, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("waits", &self.target.is_some()).finish_non_exhaustive()
    }
}

impl Opening {
    /// Tries until the database answers, for `patience` at most. Returns at once if it did at first.
    ///
    /// Cancel safety: the store stays unopened.
    ///
    /// # Errors
    /// [`OpenError`]: the last attempt's after `patience`, at once what waiting does not help.
    pub async fn finish(self, patience: Duration) -> Result<(), OpenError> {
        let Some(target) = self.target else { return Ok(()) };
        let (until, mut pause) = (Instant::now() + patience, REDIAL_MIN);
        loop {
            sleep(notify::jittered(pause)).await;
            match self.store.finish_opening(&target).await {
                Err(OpenError::Unavailable(_)) if Instant::now() < until => {}
                outcome => {
                    if outcome.is_ok() {
                        tracing::info!("the database answers");
                    }
                    return outcome;
                }
            }
            pause = (pause * 2).min(OPEN_PAUSE_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::{SecretKey, Stamp, UnixTime};

    use super::*;

    /// Tells the only connection that writes an SQLite file how many pages that may have, as a disk of that size would.
    async fn tell(store: &Store, pragma: &'static str) {
        let mut tx = store.begin().await.unwrap();
        tx.fetch(query(pragma)).await.unwrap();
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn on_a_full_disk_writes_are_refused_reads_go_on_and_room_is_all_it_takes_to_recover() {
        let directory = tempfile::tempdir().unwrap();
        let store =
            Store::open(&format!("sqlite:{}", directory.path().join("r.db").display())).await.unwrap();
        // Less than there is already means: no more than there is.
        tell(&store, "PRAGMA max_page_count = 1").await;
        let registry = store.transports();
        let (mut acknowledged, mut refused) = (0, None);
        for number in 0..10_000_u64 {
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let node = SecretKey::from_seed(seed).public();
            let stamp = Stamp { created: UnixTime(1), mark: 1 };
            match registry.heartbeat(&node, true, &[], stamp, UnixTime(1)).await {
                Ok(_) => acknowledged += 1,
                Err(error) => {
                    refused = Some((node, error));
                    break;
                }
            }
        }
        let (node, error) = refused.expect("the pages that were there have an end");
        assert!(error.is_transient(), "{error}");
        assert_eq!(registry.stats().await.unwrap().nodes, acknowledged);
        assert_eq!(registry.newest().await, Ok(acknowledged));

        tell(&store, "PRAGMA max_page_count = 1000000").await;
        let stamp = Stamp { created: UnixTime(1), mark: 1 };
        registry.heartbeat(&node, true, &[], stamp, UnixTime(1)).await.unwrap();
        assert_eq!(registry.newest().await, Ok(acknowledged + 1));
    }
}
