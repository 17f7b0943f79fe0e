//! What a setting is: its name, its kind, its description.

use std::{net::SocketAddr, path::PathBuf};

use byway_base::PublicKey;
use serde::{Serialize, de::DeserializeOwned};

use super::Secret;

/// The settings of a service as written in files and variables. Implemented by [`settings!`](crate::settings).
pub trait ConfigKeys: DeserializeOwned + Serialize + Default + Send + 'static {
    /// Every key, tables flattened (`store.url`), in the order of declaration.
    fn keys() -> Vec<Key>;
}

/// A type that a setting can have. An own type names its kind and leaves `table` alone.
pub trait Setting {
    /// How the value is written.
    const KIND: Kind;

    /// The keys of a table, their names without the table's.
    #[must_use]
    fn table() -> Vec<Key> {
        Vec::new()
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A TOML string.
    Text,
    /// A TOML string that is never shown.
    Secret,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// A list; comma separated on the command line and in the environment.
    List(&'static Self),
    /// A table of settings.
    Table,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name, with its table's: `store.url`.
    pub name: String,
    /// What it does, one or more lines.
    pub doc: &'static str,
    /// How its value is written.
    pub kind: Kind,
    /// A value to show where there is no default.
    pub example: Option<&'static str>,
}

impl Key {
    /// The keys that a field stands for: itself, or what its table holds.
    #[must_use]
    pub fn of_field<T: Setting>(name: &str, doc: &'static str, example: Option<&'static str>) -> Vec<Self> {
        if T::KIND != Kind::Table {
            return vec![Self { name: name.to_owned(), doc, kind: T::KIND, example }];
        }
        let inner = T::table().into_iter();
        inner.map(|key| Self { name: format!("{name}.{}", key.name), ..key }).collect()
    }

    /// The name as part of a variable: `STORE_URL`.
    #[must_use]
    pub fn variable(&self) -> String {
        self.name.replace(['.', '-'], "_").to_ascii_uppercase()
    }

    /// Whether the value must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind.is_secret()
    }
}

impl Kind {
    /// The kind in words, for messages.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "text in quotes",
            Self::Bool => "true or false",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::List(Self::Integer) => "a list of whole numbers",
            Self::List(_) => "a list of texts",
            Self::Table => "a table",
        }
    }

    /// Whether values must not be shown.
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::List(Self::Secret))
    }

    /// Whether `value` is written as this kind wants it.
    pub(super) fn accepts(self, value: &toml::Value) -> bool {
        match self {
            Self::Text | Self::Secret => value.is_str(),
            Self::Bool => value.is_bool(),
            Self::Integer => value.is_integer(),
            Self::Float => value.is_float() || value.is_integer(),
            Self::List(item) => value.as_array().is_some_and(|list| list.iter().all(|v| item.accepts(v))),
            Self::Table => value.is_table(),
        }
    }

    /// Reads the text of a flag or variable. `None` if it is not of this kind.
    pub(super) fn read(self, text: &str) -> Option<toml::Value> {
        let trimmed = text.trim();
        match self {
            Self::Text | Self::Secret => Some(toml::Value::String(text.to_owned())),
            Self::Bool => trimmed.parse().ok().map(toml::Value::Boolean),
            Self::Integer => trimmed.parse().ok().map(toml::Value::Integer),
            Self::Float => trimmed.parse().ok().map(toml::Value::Float),
            Self::List(item) => {
                let items = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                items.map(|part| item.read(part)).collect::<Option<_>>().map(toml::Value::Array)
            }
            Self::Table => None,
        }
    }
}

macro_rules! kinds {
    ($( $kind:ident: $($type:ty),+; )+) => {
        $( $( impl Setting for $type { const KIND: Kind = Kind::$kind; } )+ )+
    };
}

kinds! {
    Text: String, PathBuf, PublicKey, SocketAddr;
    Secret: Secret;
    Bool: bool;
    Integer: u16, u32, u64, usize, i64;
    Float: f64;
}

impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = T::KIND;

    fn table() -> Vec<Key> {
        T::table()
    }
}

impl<T: Setting> Setting for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);
}
