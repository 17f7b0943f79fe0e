//! One row of an answer, whichever database gave it.

use byway_base::{PublicKey, Signature, TransportId, UnixTime};
use sqlx::{Row as _, ValueRef as _, postgres::PgRow, sqlite::SqliteRow};

use crate::StoreError;

/// Columns are read by name, each as exactly one type; anything else means that the database is corrupt.
#[derive(Debug)]
pub(crate) enum Row {
    Pg(PgRow),
    Lite(SqliteRow),
}

macro_rules! get {
    ($row:expr, $column:expr, $type:ty) => {
        match $row {
            Row::Pg(row) => row.try_get::<$type, _>($column),
            Row::Lite(row) => row.try_get::<$type, _>($column),
        }
        .map_err(|error| StoreError::Corrupt(error.to_string()))
    };
}

impl Row {
    pub(crate) fn int(&self, column: &str) -> Result<i64, StoreError> {
        get!(self, column, i64)
    }

    /// Whether the column is null; also where its table had no row in an outer join.
    pub(crate) fn is_null(&self, column: &str) -> Result<bool, StoreError> {
        match self {
            Self::Pg(row) => row.try_get_raw(column).map(|value| value.is_null()),
            Self::Lite(row) => row.try_get_raw(column).map(|value| value.is_null()),
        }
        .map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    pub(crate) fn bool(&self, column: &str) -> Result<bool, StoreError> {
        get!(self, column, bool)
    }

    pub(crate) fn text(&self, column: &str) -> Result<String, StoreError> {
        get!(self, column, String)
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        get!(self, column, Vec<u8>)
    }

    /// A number that is never negative.
    pub(crate) fn count(&self, column: &str) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| wrong(column))
    }

    /// A number that fits 32 bits.
    pub(crate) fn small(&self, column: &str) -> Result<u32, StoreError> {
        u32::try_from(self.int(column)?).map_err(|_| wrong(column))
    }

    pub(crate) fn time(&self, column: &str) -> Result<UnixTime, StoreError> {
        self.count(column).map(UnixTime)
    }

    pub(crate) fn array<const N: usize>(&self, column: &str) -> Result<[u8; N], StoreError> {
        self.bytes(column)?.try_into().map_err(|_| wrong(column))
    }

    pub(crate) fn key(&self, column: &str) -> Result<PublicKey, StoreError> {
        self.array(column).map(PublicKey::from_kept_bytes)
    }

    pub(crate) fn transport_id(&self, column: &str) -> Result<TransportId, StoreError> {
        self.array(column).map(TransportId::from_bytes)
    }

    pub(crate) fn signature(&self, column: &str) -> Result<Signature, StoreError> {
        self.array(column).map(Signature::from_bytes)
    }
}

/// A column holds a value that this program never writes.
pub(crate) fn wrong(column: &str) -> StoreError {
    StoreError::Corrupt(format!("column {column} holds an impossible value"))
}
