//! Puts the layers together.

use std::{collections::BTreeMap, path::PathBuf};

use byway_base::{Code, Problem};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Common, ConfigKeys, Key, Origin, Sourced, assign::Assignment, common::RawCommon, environment, file,
    nearest::did_you_mean, secret::MASK,
};

/// Loads a service's settings: flag > environment > file > default. Pure but for the files that are named.
pub struct Loader {
    service: String,
    file: Option<PathBuf>,
    variables: BTreeMap<String, String>,
    also_known: Vec<String>,
    flags: Vec<(String, String)>,
}

/// The settings of a service, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded<R> {
    /// The settings that every service has.
    pub common: Common,
    /// The service's own.
    pub config: R,
    /// Every setting with its value and origin, in the order of the sample file; secrets masked.
    pub settings: Vec<Sourced>,
    /// Variables that begin with another service's name and were left to it.
    pub ignored: Vec<String>,
}

impl Loader {
    /// A loader without file, variables or flags: all defaults. `service` is the service's name, as in
    /// `route-finder`.
    #[must_use]
    pub fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
            file: None,
            variables: BTreeMap::new(),
            also_known: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// Reads this TOML file.
    #[must_use]
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path;
        self
    }

    /// Reads these variables; those that do not begin with `BYWAY_` only help to find the data directory.
    #[must_use]
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// Variables that begin with `BYWAY_` and that somebody else reads.
    #[must_use]
    pub fn also_known(mut self, names: &[&str]) -> Self {
        self.also_known.extend(names.iter().map(|&name| name.to_owned()));
        self
    }

    /// Sets `key` above everything else. The last one wins.
    #[must_use]
    pub fn flag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.push((key.into(), value.into()));
        self
    }

    /// Loads and checks.
    ///
    /// # Errors
    /// [`Code::Config`] for an unknown name (the nearest known one is in the hint) or a wrong value, with its place;
    /// [`Code::File`] for a file that cannot be read; [`Code::SecretExposed`] for a secret in a file that everybody
    /// can read, or on the command line.
    pub fn load<R: ConfigKeys>(self) -> Result<Loaded<R>, Problem> {
        let mut known = R::keys();
        known.extend(RawCommon::keys());
        let mut merged = BTreeMap::new();
        let mut add = |assignments: Vec<Assignment>| {
            merged.extend(assignments.into_iter().map(|each| (each.key.name.clone(), each)));
        };
        if let Some(path) = &self.file {
            add(file::read(path, &known)?);
        }
        let also_known: Vec<&str> = self.also_known.iter().map(String::as_str).collect();
        let environment = environment::read(&self.service, &self.variables, &known, &also_known)?;
        add(environment.assignments);
        add(self.flags.iter().map(|(key, value)| from_flag(key, value, &known)).collect::<Result<_, _>>()?);

        let own = R::keys();
        let (own, common): (Vec<_>, Vec<_>) =
            merged.values().partition(|assignment| own.contains(&assignment.key));
        let config: R = build(&own)?;
        let common = build::<RawCommon>(&common)?.resolve(&self.service, &self.variables);
        let settings = sourced::<R>(&known, &merged, &common);
        Ok(Loaded { common, config, settings, ignored: environment.ignored })
    }
}

impl<R> Loaded<R> {
    /// One line a setting: `key = value  (from env BYWAY_X)`, and which variables were left to other services.
    #[must_use]
    pub fn report(&self) -> String {
        let left = |setting: &Sourced| format!("{} = {}", setting.key, setting.value).trim_end().to_owned();
        let width =
            self.settings.iter().map(|setting| left(setting).chars().count()).max().unwrap_or(0).min(60);
        let lines = self.settings.iter();
        let mut report: String =
            lines.map(|setting| format!("{:width$}  (from {})\n", left(setting), setting.origin)).collect();
        for name in &self.ignored {
            report.push_str(&format!("# {name} is left to another service\n"));
        }
        report
    }
}

fn from_flag(name: &str, value: &str, known: &[Key]) -> Result<Assignment, Problem> {
    let Some(key) = known.iter().find(|key| key.name == name) else {
        let hint = did_you_mean(name, known.iter().map(|key| key.name.as_str()));
        let why = "command line: there is no such setting";
        return Err(Problem::new(Code::Config, format!("unknown setting `{name}`"), why).with_hint(hint));
    };
    if key.is_secret() {
        let why = "every user of this machine can read command lines";
        let hint = format!("write it to a file of mode 600 and set BYWAY_{}_FILE", key.variable());
        return Err(Problem::new(Code::SecretExposed, format!("cannot take `{name}` as an argument"), why)
            .with_hint(hint));
    }
    Assignment::from_text(key, value, Origin::Flag)
}

/// Makes the typed settings. Each value is tried alone first, so that the problem can name its key.
fn build<T: DeserializeOwned>(assignments: &[&Assignment]) -> Result<T, Problem> {
    for assignment in assignments {
        let alone: Result<T, _> = table(&[assignment]).try_into();
        alone.map_err(|error| assignment.refused(error.message()))?;
    }
    let all: Result<T, _> = table(assignments).try_into();
    all.map_err(|error| Problem::new(Code::Config, "cannot use these settings together", error.message()))
}

fn table(assignments: &[&Assignment]) -> toml::Table {
    let mut root = toml::Table::new();
    for assignment in assignments {
        let value = assignment.value.clone();
        match assignment.key.name.split_once('.') {
            None => drop(root.insert(assignment.key.name.clone(), value)),
            Some((section, name)) => {
                let section = root.entry(section).or_insert_with(|| toml::Table::new().into());
                if let toml::Value::Table(section) = section {
                    section.insert(name.to_owned(), value);
                }
            }
        }
    }
    root
}

fn sourced<R: ConfigKeys>(
    known: &[Key],
    merged: &BTreeMap<String, Assignment>,
    common: &Common,
) -> Vec<Sourced> {
    let defaults = [defaults(&R::default()), defaults(&RawCommon::default())];
    let each = known.iter().map(|key| {
        let (value, origin) = match merged.get(&key.name) {
            Some(assignment) => (assignment.shown(), assignment.origin.clone()),
            None if key.name == "data_dir" => (quoted(&common.data_dir), Origin::Default),
            None if key.name == "key_file" => (quoted(&common.key_file), Origin::Default),
            None if key.is_secret() => (MASK.to_owned(), Origin::Default),
            None => {
                let value = defaults.iter().find_map(|table| get(table, &key.name));
                (value.map(ToString::to_string).unwrap_or_default(), Origin::Default)
            }
        };
        Sourced { key: key.name.clone(), value, origin }
    });
    each.collect()
}

fn quoted(path: &std::path::Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}

/// The defaults as TOML; a setting without one is absent, a secret one masked.
pub(super) fn defaults(settings: &impl Serialize) -> toml::Table {
    toml::Table::try_from(settings).expect("settings are texts, numbers, lists and tables of these")
}

/// The value of a key with at most one dot.
pub(super) fn get<'a>(table: &'a toml::Table, name: &str) -> Option<&'a toml::Value> {
    match name.split_once('.') {
        None => table.get(name),
        Some((section, name)) => table.get(section)?.get(name),
    }
}
