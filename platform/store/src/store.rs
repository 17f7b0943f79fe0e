//! The open store.

use std::sync::Arc;

use tokio::task::AbortHandle;

use crate::{
    Changes, OpenError, Records, StoreError, Transports,
    db::{Db, Query, Row, Target, Tx, query},
    migrate,
    notify::{self, Notifier},
};

/// The registries in one database. Cloning gives another handle on the same connections.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    db: Db,
    notifier: Notifier,
    /// Follows the other replicas; PostgreSQL only.
    follower: Option<AbortHandle>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(follower) = &self.follower {
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
        let target: Target = url.parse()?;
        let db = target.open().await?;
        let file = if let Target::File(path) = &target { Some(path.as_path()) } else { None };
        migrate::migrate(&db, file, migrate::MIGRATIONS).await?;
        let notifier = Notifier::new();
        let follower = match &db {
            Db::Pg(pool) => Some(notify::follow(pool.clone(), notifier.clone())),
            Db::Lite { .. } => None,
        };
        Ok(Self { shared: Arc::new(Shared { db, notifier, follower }) })
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
        if let Some(follower) = &self.shared.follower {
            follower.abort();
        }
        self.shared.db.close().await;
    }

    pub(crate) async fn fetch(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        self.shared.db.fetch(query).await
    }

    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.shared.db.begin().await
    }

    /// Commits a transaction that appended to the change log, then wakes the log's readers.
    pub(crate) async fn commit_logged(&self, tx: Tx) -> Result<(), StoreError> {
        let _tick = self.shared.notifier.on_drop();
        tx.commit().await
    }
}
