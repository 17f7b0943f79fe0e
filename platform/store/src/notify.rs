//! Tells readers of the change log that there may be more of it.
//!
//! In one process a watch channel does. With PostgreSQL every append also notifies the other replicas, through the
//! database, as part of its transaction. A notification says nothing about what changed and may come for nothing; a
//! lost one costs time but no change, because readers look again after [`CHANGES_POLL`] anyway.

use std::{
    future::pending,
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use byway_base::limits::{CHANGES_POLL, REDIAL_MAX, REDIAL_MIN};
use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::watch, task::AbortHandle};

use crate::{
    StoreError,
    db::{Tx, query},
};

const CHANNEL: &str = "byway_changes";

/// A reader's end: wait, then read the log from where you are.
#[derive(Debug, Clone)]
pub struct Changes(watch::Receiver<()>);

impl Changes {
    /// Returns once the log may hold more than at the last return, at the latest after [`CHANGES_POLL`].
    ///
    /// Cancel safe.
    pub async fn wait(&mut self) {
        let changed = async {
            if self.0.changed().await.is_err() {
                // The store is closed: no more changes, only the deadline below.
                pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(CHANGES_POLL, changed).await;
    }
}

/// The store's end. Cloned freely.
#[derive(Debug, Clone)]
pub(crate) struct Notifier(watch::Sender<()>);

impl Notifier {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(crate) fn subscribe(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    /// A guard that notifies when it is dropped: after the commit, also when the commit's future is dropped.
    pub(crate) fn on_drop(&self) -> OnDrop<'_> {
        OnDrop(self)
    }

    fn tick(&self) {
        self.0.send_replace(());
    }
}

/// See [`Notifier::on_drop`].
#[derive(Debug)]
pub(crate) struct OnDrop<'a>(&'a Notifier);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.tick();
    }
}

/// Makes the transaction, once committed, wake the other replicas.
pub(crate) async fn notify_replicas(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.is_pg() {
        // `NOTIFY` answers nothing; as a function it would answer a column of type void.
        tx.execute(query("NOTIFY byway_changes")).await?;
    }
    Ok(())
}

/// Follows the notifications of the other replicas, for as long as the handle is not used to abort it.
pub(crate) fn follow(pool: PgPool, notifier: Notifier) -> AbortHandle {
    tokio::spawn(async move {
        let mut pause = REDIAL_MIN;
        loop {
            match listen(&pool, &notifier, &mut pause).await {
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => tracing::debug!(%error, "lost the database's notifications"),
                Ok(()) => {}
            }
            // While notifications are missing, readers look at every attempt to get them back.
            notifier.tick();
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(REDIAL_MAX);
        }
    })
    .abort_handle()
}

/// Returns when the connection is lost; what was notified meanwhile is unknown then.
async fn listen(pool: &PgPool, notifier: &Notifier, pause: &mut Duration) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    *pause = REDIAL_MIN;
    notifier.tick();
    while listener.try_recv().await?.is_some() {
        notifier.tick();
    }
    Ok(())
}

/// Spreads the replicas' attempts by up to a quarter of the pause.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    pause + pause * u32::from(random.to_le_bytes()[0]) / 1_024
}
