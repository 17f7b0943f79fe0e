//! The layer of the configuration file.

use std::{fs::File, io::Read, os::unix::fs::MetadataExt, path::Path};

use byway_base::{Code, Problem, limits};
use toml::de::{DeTable, DeValue};

use super::{Key, Kind, Origin, assign::Assignment, nearest::did_you_mean};

/// Reads `path` and assigns what it says. Unknown keys and values of the wrong kind are refused with their place.
pub(super) fn read(path: &Path, known: &[Key]) -> Result<Vec<Assignment>, Problem> {
    let (text, mode) = open(path)?;
    let parsed = DeTable::parse(&text).map_err(|error| {
        let at =
            error.span().map_or_else(|| path.display().to_string(), |span| place(path, &text, span.start));
        let why = format!("{at}: {}", error.message().replace('\n', ", "));
        Problem::new(Code::Config, format!("cannot read {}", path.display()), why)
            .with_hint("correct the TOML syntax at that place")
    })?;
    let values = toml::from_str::<toml::Table>(&text).map_err(|error| {
        Problem::new(Code::Config, format!("cannot read {}", path.display()), error.message())
    })?;
    let mut reader = Reader { path, text: &text, known, assignments: Vec::new() };
    reader.table("", parsed.get_ref(), &values)?;
    refuse_exposed_secrets(path, mode, &reader.assignments)?;
    Ok(reader.assignments)
}

fn open(path: &Path) -> Result<(String, u32), Problem> {
    let failed = |why: String| Problem::new(Code::File, format!("cannot read {}", path.display()), why);
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| failed(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(limits::CONFIG_FILE_MAX + 1).read_to_string(&mut text);
    let length = read.map_err(|error| failed(error.to_string()))?;
    if length as u64 > limits::CONFIG_FILE_MAX {
        return Err(failed(format!("it is larger than {} bytes", limits::CONFIG_FILE_MAX)));
    }
    Ok((text, metadata.mode()))
}

/// Walks the file, keeping track of where each key stands.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    known: &'a [Key],
    assignments: Vec<Assignment>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, parsed: &DeTable<'_>, values: &toml::Table) -> Result<(), Problem> {
        for (name, value) in parsed {
            let full = format!("{prefix}{}", name.get_ref());
            let origin = self.origin(name.span().start);
            let table = format!("{full}.");
            let is_table = prefix.is_empty() && self.known.iter().any(|key| key.name.starts_with(&table));
            let Some(plain) = values.get(name.get_ref().as_ref()) else { continue };
            match (value.get_ref(), plain) {
                (DeValue::Table(parsed), toml::Value::Table(values)) if is_table => {
                    self.table(&table, parsed, values)?;
                }
                _ if is_table => return Err(wrong_kind(&full, plain, Kind::Table, &origin)),
                _ => self.assign(&full, plain, origin)?,
            }
        }
        Ok(())
    }

    fn assign(&mut self, name: &str, value: &toml::Value, origin: Origin) -> Result<(), Problem> {
        let Some(key) = self.known.iter().find(|key| key.name == name) else {
            let hint = did_you_mean(name, self.known.iter().map(|key| key.name.as_str()));
            let why = format!("{origin}: there is no such setting");
            return Err(Problem::new(Code::Config, format!("unknown setting `{name}`"), why).with_hint(hint));
        };
        if !key.kind.accepts(value) {
            return Err(wrong_kind(name, value, key.kind, &origin));
        }
        self.assignments.push(Assignment { key: key.clone(), value: value.clone(), origin });
        Ok(())
    }

    fn origin(&self, offset: usize) -> Origin {
        let (line, column) = line_and_column(self.text, offset);
        Origin::File { path: self.path.to_owned(), line, column }
    }
}

fn wrong_kind(name: &str, value: &toml::Value, kind: Kind, origin: &Origin) -> Problem {
    // What stands in place of a table may be meant for a secret in it.
    let hidden = kind.is_secret() || kind == Kind::Table;
    let shown = if hidden { String::new() } else { format!(" = {value}") };
    let article = if value.type_str().starts_with(['a', 'i']) { "an" } else { "a" };
    let why = format!("{origin}: expected {}, found {article} {}", kind.expected(), value.type_str());
    Problem::new(Code::Config, format!("cannot use `{name}`{shown}"), why)
        .with_hint(format!("write {} for `{name}`; `--print-config` describes it", kind.expected()))
}

/// A file with secrets in it must not be readable by everybody.
fn refuse_exposed_secrets(path: &Path, mode: u32, assignments: &[Assignment]) -> Result<(), Problem> {
    let Some(secret) = assignments.iter().find(|assignment| assignment.key.is_secret()) else {
        return Ok(());
    };
    if mode & 0o007 == 0 {
        return Ok(());
    }
    let what = format!("cannot use `{}` from {}", secret.key.name, path.display());
    let why = format!("everybody on this machine can read the file (mode {:03o})", mode & 0o777);
    let hint = format!("run `chmod o= {}`, or set BYWAY_{}_FILE", path.display(), secret.key.variable());
    Err(Problem::new(Code::SecretExposed, what, why).with_hint(hint))
}

fn place(path: &Path, text: &str, offset: usize) -> String {
    let (line, column) = line_and_column(text, offset);
    format!("{}:{line}:{column}", path.display())
}

/// Line and column, both from 1, of a byte offset.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
