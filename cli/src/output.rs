//! What commands print: data on standard output, for people or for programs.

mod paint;
pub mod reachability;
pub mod routes;
mod table;
pub mod units;

use std::io::{self, Write};

use byway_base::{Code, Problem};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

pub use paint::Paint;
pub use table::Table;

use crate::stop::Stop;

/// Version of the JSON forms. Within a version they only grow.
const VERSION: u64 = 1;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line; lists item by item.
    Jsonl,
}

/// Where and how a command prints.
#[derive(Debug, Clone, Copy, Default)]
pub struct Output {
    /// For whom.
    pub format: Format,
    /// Colour.
    pub paint: Paint,
}

impl Output {
    /// Prints one thing: as JSON, or as `text` draws it.
    ///
    /// # Errors
    /// [`Stop::Unheard`] if nobody reads the output any more.
    pub fn one(self, value: &impl Serialize, text: impl FnOnce(Paint) -> String) -> Result<(), Stop> {
        match self.format {
            Format::Table => print(&text(self.paint)),
            Format::Json => print(&format!("{:#}\n", versioned(value)?)),
            Format::Jsonl => print(&format!("{}\n", versioned(value)?)),
        }
    }

    /// Prints a list: as JSON under `items`, line by line, or as `text` draws it.
    ///
    /// # Errors
    /// As [`Self::one`].
    pub fn list<T: Serialize>(self, items: &[T], text: impl FnOnce(Paint) -> String) -> Result<(), Stop> {
        match self.format {
            Format::Table => print(&text(self.paint)),
            Format::Json => self.one(&Items { items }, text),
            Format::Jsonl => items.iter().try_for_each(|item| self.line(item, String::new)),
        }
    }

    /// Prints one line of something that goes on: an object, or what `text` says.
    ///
    /// # Errors
    /// As [`Self::one`].
    pub fn line(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Stop> {
        match self.format {
            Format::Table => print(&format!("{}\n", plain(&text()))),
            Format::Json | Format::Jsonl => print(&format!("{}\n", versioned(value)?)),
        }
    }
}

#[derive(Serialize)]
struct Items<'a, T> {
    items: &'a [T],
}

/// Without control characters: what a peer put into a text must not move the cursor.
pub(crate) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Prints as it is.
pub(crate) fn print(text: &str) -> Result<(), Stop> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    printed.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::Unheard,
        _ => Problem::new(Code::File, "cannot write to standard output", error).into(),
    })
}

fn versioned(value: &impl Serialize) -> Result<Value, Problem> {
    let failed = |error| Problem::new(Code::Internal, "cannot write the result as JSON", error);
    let mut value = serde_json::to_value(value).map_err(failed)?;
    if let Value::Object(object) = &mut value {
        object.entry("version").or_insert_with(|| VERSION.into());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_object_has_a_version_and_keeps_one_of_its_own() {
        assert_eq!(versioned(&json!({ "a": 1 })).unwrap(), json!({ "a": 1, "version": 1 }));
        assert_eq!(versioned(&json!({ "version": 7 })).unwrap(), json!({ "version": 7 }));
    }
}
