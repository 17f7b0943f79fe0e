//! The two databases behind one face: the same SQL text, with `$1` to `$n`, runs on both.
//!
//! The SQL stays within what both understand: `BIGINT`, `TEXT`, `BYTEA`, `BOOLEAN`; upserts with `RETURNING`;
//! rows as a common table expression ([`Table`]); no database-made ids, no clock of the database.

mod options;
mod query;
mod row;
mod statement;
mod table;
mod tx;

use std::future::Future;

use byway_base::limits::STORE_TIMEOUT;
use sqlx::{PgPool, SqlitePool};

pub(crate) use options::Target;
pub(crate) use query::{Query, Value, query};
pub(crate) use row::{Row, wrong};
#[cfg(test)]
pub(crate) use statement::Statement;
pub(crate) use table::Table;
pub(crate) use tx::Tx;

use crate::StoreError;

/// An open database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    Pg(PgPool),
    /// SQLite has one writer at a time; readers do not wait for it. In memory both are the same single connection.
    Lite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
}

impl Db {
    /// Runs a query outside any transaction of ours; for reads.
    pub(crate) async fn fetch(&self, query: Query) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Pg(pool) => bounded(async { tx::fetch_pg(&mut *pool.acquire().await?, query).await }).await,
            Self::Lite { readers, .. } => {
                bounded(async { tx::fetch_lite(&mut *readers.acquire().await?, query).await }).await
            }
        }
    }

    /// Begins a transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Pg(pool) => Ok(Tx::Pg(bounded(pool.begin()).await?)),
            // A deferred transaction that reads first and writes later fails when another writer came in between.
            Self::Lite { writer, .. } => Ok(Tx::Lite(bounded(writer.begin_with("BEGIN IMMEDIATE")).await?)),
        }
    }

    /// Closes all connections, waiting for those in use.
    pub(crate) async fn close(&self) {
        match self {
            Self::Pg(pool) => pool.close().await,
            Self::Lite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// Gives a wait for the database its deadline. The database has deadlines of its own, this one also covers a
/// connection that went silent.
pub(crate) async fn bounded<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(STORE_TIMEOUT, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StoreError::Unavailable(format!("no answer within {STORE_TIMEOUT:?}"))),
    }
}
