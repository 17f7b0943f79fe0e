//! A query as one of the databases gets it.

use std::borrow::Cow;

use sqlx::{AssertSqlSafe, Postgres, Sqlite, postgres::PgArguments, sqlite::SqliteArguments};

use super::{
    query::{Query, Value},
    table::Column,
};

/// A text and its arguments: single values, then columns.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    values: Vec<Value>,
    columns: Vec<Column>,
    /// Whether the text is one of few. Others are not kept prepared, which would only push those few out of the connection's
    /// cache.
    keep: bool,
}

macro_rules! bind {
    ($statement:ident, $kind:ident, $values:expr, $($variant:ident),+) => {
        for value in $values {
            $statement = match value { $( $kind::$variant(value) => $statement.bind(value), )+ };
        }
    };
}

impl Statement {
    pub(super) fn for_pg(query: Query) -> Self {
        let Query { sql, values, table } = query;
        let keep = matches!(sql, Cow::Borrowed(_));
        let (sql, columns) = match table.map(|table| table.arrays(values.len() + 1)) {
            Some((head, columns)) => (head + &sql, columns),
            None => (sql.into_owned(), Vec::new()),
        };
        Self { sql, values, columns, keep }
    }

    pub(super) fn for_lite(query: Query) -> Self {
        let Query { sql, mut values, table } = query;
        let keep = matches!(sql, Cow::Borrowed(_)) && table.is_none();
        let sql = match table.map(|table| table.values(values.len() + 1)) {
            Some((head, more)) => {
                values.extend(more);
                head + &sql
            }
            None => sql.into_owned(),
        };
        Self { sql, values, columns: Vec::new(), keep }
    }

    pub(crate) fn bind_pg(self) -> sqlx::query::Query<'static, Postgres, PgArguments> {
        // Our own texts and placeholders only, see `Query`.
        let mut statement = sqlx::query(AssertSqlSafe(self.sql)).persistent(self.keep);
        bind!(statement, Value, self.values, Int, Bool, Text, Bytes);
        bind!(statement, Column, self.columns, Ints, Bools, Texts, Bytes);
        statement
    }

    pub(crate) fn bind_lite(self) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
        // Our own texts and placeholders only, see `Query`.
        let mut statement = sqlx::query(AssertSqlSafe(self.sql)).persistent(self.keep);
        bind!(statement, Value, self.values, Int, Bool, Text, Bytes);
        statement
    }
}
