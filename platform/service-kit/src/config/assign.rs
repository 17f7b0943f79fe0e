//! One value that one layer gives one key.

use byway_base::{Code, Problem};

use super::{Key, Kind, Origin, secret::MASK};

/// One value that one layer gives one key. No `Debug`: the value may be a secret.
#[derive(Clone)]
pub(super) struct Assignment {
    pub(super) key: Key,
    pub(super) value: toml::Value,
    pub(super) origin: Origin,
}

impl Assignment {
    /// An assignment from text, as on the command line and in the environment.
    pub(super) fn from_text(key: &Key, text: &str, origin: Origin) -> Result<Self, Problem> {
        let Some(value) = key.kind.read(text) else {
            return Err(refused(key, &shown(key, text), &origin, format!("expected {}", plain(key.kind))));
        };
        Ok(Self { key: key.clone(), value, origin })
    }

    /// The value as TOML, masked if it is secret.
    pub(super) fn shown(&self) -> String {
        shown(&self.key, &self.value.to_string())
    }

    /// The problem that this value cannot be used because of `why`.
    pub(super) fn refused(&self, why: impl std::fmt::Display) -> Problem {
        refused(&self.key, &self.shown(), &self.origin, why)
    }
}

fn shown(key: &Key, text: &str) -> String {
    if key.is_secret() { MASK.to_owned() } else { text.to_owned() }
}

fn refused(key: &Key, shown: &str, origin: &Origin, why: impl std::fmt::Display) -> Problem {
    let what = format!("cannot use `{}` = {shown}", key.name);
    let hint = format!("change `{}` ({origin}); `--print-config` describes it", key.name);
    Problem::new(Code::Config, what, format!("{why} (from {origin})")).with_hint(hint)
}

/// The kind in words where there are no quotes around texts.
fn plain(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Secret => "text",
        Kind::List(Kind::Integer) => "whole numbers separated by commas",
        Kind::List(_) => "texts separated by commas",
        other => other.expected(),
    }
}
