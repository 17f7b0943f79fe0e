//! A transaction. Dropping it without a commit undoes it.

use sqlx::{
    PgConnection, Postgres, Sqlite, SqliteConnection, Transaction, postgres::PgArguments,
    sqlite::SqliteArguments,
};

use super::{Query, Row, bounded, statement::Statement};
use crate::StoreError;

/// A transaction that writes.
#[derive(Debug)]
pub(crate) enum Tx {
    Pg(Transaction<'static, Postgres>),
    Lite(Transaction<'static, Sqlite>),
}

impl Tx {
    /// Runs a statement; answers how many rows it touched.
    pub(crate) async fn execute(&mut self, query: Query) -> Result<u64, StoreError> {
        match self {
            Self::Pg(tx) => {
                bounded(async { Ok(prepare_pg(query).execute(&mut **tx).await?.rows_affected()) }).await
            }
            Self::Lite(tx) => {
                bounded(async { Ok(prepare_lite(query).execute(&mut **tx).await?.rows_affected()) }).await
            }
        }
    }

    /// Runs a query.
    pub(crate) async fn fetch(&mut self, query: Query) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Pg(tx) => bounded(fetch_pg(tx, query)).await,
            Self::Lite(tx) => bounded(fetch_lite(tx, query)).await,
        }
    }

    /// Whether rows that are read first and written later must be locked. SQLite's only writer needs no locks.
    pub(crate) fn is_pg(&self) -> bool {
        matches!(self, Self::Pg(_))
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Pg(tx) => bounded(tx.commit()).await,
            Self::Lite(tx) => bounded(tx.commit()).await,
        }
    }
}

pub(super) async fn fetch_pg(connection: &mut PgConnection, query: Query) -> Result<Vec<Row>, sqlx::Error> {
    Ok(prepare_pg(query).fetch_all(connection).await?.into_iter().map(Row::Pg).collect())
}

pub(super) async fn fetch_lite(
    connection: &mut SqliteConnection,
    query: Query,
) -> Result<Vec<Row>, sqlx::Error> {
    Ok(prepare_lite(query).fetch_all(connection).await?.into_iter().map(Row::Lite).collect())
}

fn prepare_pg(query: Query) -> sqlx::query::Query<'static, Postgres, PgArguments> {
    let statement = Statement::for_pg(query);
    #[cfg(test)]
    crate::plans::note(&statement);
    statement.bind_pg()
}

fn prepare_lite(query: Query) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    let statement = Statement::for_lite(query);
    #[cfg(test)]
    crate::plans::note(&statement);
    statement.bind_lite()
}
