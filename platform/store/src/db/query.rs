//! A statement with its arguments, before it is known which database runs it.

use std::{borrow::Cow, fmt::Write};

use byway_base::{PublicKey, Signature, TransportId, UnixTime};

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
}

/// A statement whose text is fixed.
pub(crate) fn query(sql: &'static str) -> Query {
    Query { sql: Cow::Borrowed(sql), values: Vec::new() }
}

/// A statement put together from fixed texts and [`rows`]. Never from anything that came from outside.
pub(crate) fn query_of(sql: String) -> Query {
    Query { sql: Cow::Owned(sql), values: Vec::new() }
}

/// `($f,$f+1,…),(…),…`: placeholders for `count` rows of `width` values, the first being `$first`.
pub(crate) fn rows(first: usize, width: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * (width * 6 + 3));
    for row in 0..count {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..width {
            let comma = if column == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}${}", first + row * width + column);
        }
        text.push(')');
    }
    text
}

impl Query {
    /// Adds the next argument.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
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

#[cfg(test)]
mod tests {
    #[test]
    fn placeholders_are_numbered_through_all_rows() {
        assert_eq!(super::rows(2, 3, 2), "($2,$3,$4),($5,$6,$7)");
    }
}
