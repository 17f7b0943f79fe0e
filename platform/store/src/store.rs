//! The open store, or one that will be.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use byway_base::limits::REDIAL_MIN;
use parking_lot::Mutex;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use crate::{
    Changes, OpenError, Records, StoreError, Transports,
    db::{Db, Query, Row, Target, Tx, query},
    migrate,
    notify::{self, Notifier},
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
        store.shared.open(&url.parse()?).await?;
        Ok(store)
    }

    /// As [`Self::open`], but where a PostgreSQL server does not answer, the store is given all the same: its operations
    /// answer [`StoreError::Unavailable`] until [`Opening::finish`] has done the rest.
    ///
    /// # Errors
    /// [`OpenError`]; not for a server that is away.
    pub async fn open_soon(url: &str) -> Result<(Self, Opening), OpenError> {
        let (store, target) = (Self::unopened(), url.parse()?);
        let target = match store.shared.open(&target).await {
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
        let (db, follower) = (OnceLock::new(), OnceLock::new());
        let trouble = Mutex::new("it is not open yet".to_owned());
        Self { shared: Arc::new(Shared { db, trouble, notifier: Notifier::new(), follower }) }
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

    /// A reader's end of the change log, see [`changes`](crate::changes).
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
        tx.execute(query("UPDATE counters SET value = value WHERE name = 'check'")).await?;
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

    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.shared.db()?.begin().await
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
            match self.store.shared.open(&target).await {
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
