//! The layer of the environment.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use byway_base::{Code, Problem, limits};
use zeroize::Zeroizing;

use super::{Key, Origin, assign::Assignment, credentials, nearest::did_you_mean};

/// What every variable of ours begins with.
const PREFIX: &str = "BYWAY_";
/// The services, so that one `.env` file can hold the variables of all.
const SERVICES: &[&str] =
    &["node", "transport-discovery", "route-finder", "setup-node", "messaging-discovery", "messaging-server"];
/// Where container engines mount secrets, with mode 0444 by default. The mount itself is the guard.
const SECRET_MOUNT: &str = "/run/secrets";

/// What the environment says: assignments, and the variables that are meant for other services.
pub(super) struct Environment {
    pub(super) assignments: Vec<Assignment>,
    pub(super) ignored: Vec<String>,
}

/// Assigns what the variables say; `BYWAY_<SERVICE>_<KEY>` overrides `BYWAY_<KEY>`. Empty variables count as absent. A
/// secret that no variable gives may be a credential that is called as its setting.
pub(super) fn read(
    service: &str,
    variables: &BTreeMap<String, String>,
    known: &[Key],
    also_known: &[&str],
) -> Result<Environment, Problem> {
    let names = Names::new(service, known);
    let mut environment = Environment { assignments: handed_over(variables, known)?, ignored: Vec::new() };
    let ours = variables.iter().filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty());
    for (name, value) in ours {
        match names.of.get(name.as_str()) {
            Some(Form { key, is_file: false, .. }) => {
                let origin = Origin::Env { name: name.clone() };
                environment.assignments.push(Assignment::from_text(key, value, origin)?);
            }
            Some(Form { key, is_file: true, sibling }) => {
                refuse_both(name, sibling, variables)?;
                let path = PathBuf::from(value);
                let secret = read_secret(name, &path)?;
                let origin = Origin::EnvFile { name: name.clone(), path };
                environment.assignments.push(Assignment::from_text(key, &secret, origin)?);
            }
            None if also_known.contains(&name.as_str()) => {}
            None if is_for_another(service, name) => environment.ignored.push(name.clone()),
            None => {
                let known = names.of.keys().map(String::as_str).chain(also_known.iter().copied());
                return Err(unknown(name, known));
            }
        }
    }
    // The shorter name first: what is assigned later wins.
    let own = format!("{PREFIX}{}_", upper(service));
    environment.assignments.sort_by_key(|assignment| match &assignment.origin {
        Origin::Env { name } | Origin::EnvFile { name, .. } => names.is_own(name, &own),
        _ => false,
    });
    Ok(environment)
}

/// The secrets among systemd's credentials.
fn handed_over(variables: &BTreeMap<String, String>, known: &[Key]) -> Result<Vec<Assignment>, Problem> {
    let secret = known.iter().filter(|key| key.is_secret());
    let found = secret.filter_map(|key| Some((key, credentials::find(&key.name, variables)?)));
    let assigned = found.map(|(key, path)| {
        let text = read_secret(credentials::DIRECTORY, &path)?;
        Assignment::from_text(key, &text, Origin::EnvFile { name: credentials::DIRECTORY.to_owned(), path })
    });
    assigned.collect()
}

/// Every variable name that means something, and what it means.
struct Names<'a> {
    of: BTreeMap<String, Form<'a>>,
}

struct Form<'a> {
    key: &'a Key,
    is_file: bool,
    /// The name of the same setting's other form.
    sibling: String,
}

impl<'a> Names<'a> {
    fn new(service: &str, known: &'a [Key]) -> Self {
        let mut of = BTreeMap::new();
        for key in known {
            for prefix in [format!("{PREFIX}{}_", upper(service)), PREFIX.to_owned()] {
                let plain = format!("{prefix}{}", key.variable());
                let file = format!("{plain}_FILE");
                if key.is_secret() {
                    of.entry(file.clone()).or_insert(Form { key, is_file: true, sibling: plain.clone() });
                }
                of.insert(plain, Form { key, is_file: false, sibling: file });
            }
        }
        Self { of }
    }

    /// Whether `name` is the service's own form, not a shared one that happens to begin alike.
    fn is_own(&self, name: &str, own: &str) -> bool {
        let Some(rest) = name.strip_prefix(own) else { return false };
        self.of.get(name).is_some_and(|form| {
            rest == form.key.variable() || rest.strip_suffix("_FILE") == Some(&form.key.variable())
        })
    }
}

fn upper(service: &str) -> String {
    service.replace('-', "_").to_ascii_uppercase()
}

fn is_for_another(service: &str, name: &str) -> bool {
    let others = SERVICES.iter().filter(|other| **other != service);
    others.map(|other| format!("{PREFIX}{}_", upper(other))).any(|prefix| name.starts_with(&prefix))
}

fn unknown<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Problem {
    let what = format!("unknown variable {name}");
    let why = "it begins with BYWAY_, but there is no such setting";
    Problem::new(Code::Config, what, why).with_hint(did_you_mean(name, names))
}

fn refuse_both(name: &str, sibling: &str, variables: &BTreeMap<String, String>) -> Result<(), Problem> {
    match variables.get(sibling) {
        Some(value) if !value.is_empty() => {
            let why = format!("both {sibling} and {name} are set");
            let hint = format!("unset one; {name} is the safer");
            Err(Problem::new(Code::Config, format!("cannot tell which of {sibling} and {name} to use"), why)
                .with_hint(hint))
        }
        _ => Ok(()),
    }
}

/// Reads the secret in `path`, without the line break at its end.
fn read_secret(variable: &str, path: &Path) -> Result<Zeroizing<String>, Problem> {
    let what = || format!("cannot read the file of {variable}");
    let failed = |why: String| Problem::new(Code::File, what(), format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mode = file.metadata().map_err(|error| failed(error.to_string()))?.mode();
    if mode & 0o007 != 0 && !path.starts_with(SECRET_MOUNT) {
        let why =
            format!("everybody on this machine can read {} (mode {:03o})", path.display(), mode & 0o777);
        let hint = format!("run `chmod o= {}`", path.display());
        return Err(Problem::new(Code::SecretExposed, what(), why).with_hint(hint));
    }
    let mut text = Zeroizing::new(String::new());
    let read = file.take(limits::SECRET_FILE_MAX + 1).read_to_string(&mut text);
    if read.map_err(|error| failed(error.to_string()))? as u64 > limits::SECRET_FILE_MAX {
        return Err(failed(format!("it is larger than {} bytes", limits::SECRET_FILE_MAX)));
    }
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(text)
}
