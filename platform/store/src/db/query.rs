//! A statement with its arguments, before it is known which database runs it.

use std::borrow::Cow;

use byway_base::{PublicKey, Signature, TransportId, UnixTime};

use super::Table;

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// A statement and its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(super) sql: Cow<'static, str>,
    pub(super) values: Vec<Value>,
    /// What the statement calls `v`.
    pub(super) table: Option<Table>,
}

/// A statement whose text is fixed.
pub(crate) fn query(sql: &'static str) -> Query {
    Query { sql: Cow::Borrowed(sql), values: Vec::new(), table: None }
}

impl Query {
    /// Adds the next argument.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Gives the statement the rows that it calls `v`. What it says follows `WITH v (…) AS (…)`.
    pub(crate) fn with(mut self, table: Table) -> Self {
        self.table = Some(table);
        self
    }

    /// The position of the next argument, from 1.
    pub(crate) fn next(&self) -> usize {
        self.values.len() + 1
    }

    /// Appends fixed text.
    pub(crate) fn push(&mut self, sql: &str) {
        self.sql.to_mut().push_str(sql);
    }
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $make:expr;)+) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $make
            }
        })+
    };
}

value_from! {
    i64 => |value| Self::Int(value);
    u32 => |value| Self::Int(i64::from(value));
    bool => |value| Self::Bool(value);
    String => |value| Self::Text(value);
    &str => |value| Self::Text(value.to_owned());
    Vec<u8> => |value| Self::Bytes(value);
    &PublicKey => |value| Self::Bytes(value.as_bytes().to_vec());
    &TransportId => |value| Self::Bytes(value.as_bytes().to_vec());
    &Signature => |value| Self::Bytes(value.as_bytes().to_vec());
}

/// Numbers above 2^63 cannot occur: they are counts and times of ours, or checked before. They saturate.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<UnixTime> for Value {
    fn from(value: UnixTime) -> Self {
        Self::from(value.0)
    }
}
