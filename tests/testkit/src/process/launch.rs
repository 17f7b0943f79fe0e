//! How a process is started.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{LISTENING, Log, PATIENCE};
use crate::wait::until;

/// A program with its settings. Nothing of the test's environment reaches the process but `PATH`.
#[derive(Debug, Clone)]
pub struct Launch {
    name: String,
    program: PathBuf,
    data_dir: PathBuf,
    announce: PathBuf,
    arguments: Vec<OsString>,
    settings: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

/// How a process ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Launch {
    /// A process called `name`, with a directory of that name in `directory` for what it keeps. Its listeners are on
    /// free ports of loopback.
    #[must_use]
    pub fn new(name: &str, program: &Path, directory: &Path) -> Self {
        let launch = Self {
            name: name.to_owned(),
            program: program.to_owned(),
            data_dir: directory.join(name),
            announce: directory.join(format!("{name}.json")),
            arguments: Vec::new(),
            settings: BTreeMap::new(),
            variables: BTreeMap::new(),
        };
        let data_dir = launch.data_dir.display().to_string();
        launch.set("data_dir", data_dir).set("listen", "127.0.0.1:0").set("admin_listen", "127.0.0.1:0")
    }

    /// Gives a setting on the command line.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        self.settings.insert(key.to_owned(), value.into());
        self
    }

    /// Takes a setting back; the program's default holds.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.settings.remove(key);
        self
    }

    /// Gives a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Gives an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where it announces itself.
    #[must_use]
    pub fn announce_file(&self) -> PathBuf {
        self.announce.clone()
    }

    /// Runs a process that is expected to end by itself.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`].
    pub async fn run(self) -> Ended {
        let log = Log::default();
        let mut child = super::Started(Some(self.spawn(&log)));
        let ended = async || {
            let status = child.0.as_mut().and_then(|child| child.try_wait().ok().flatten());
            status.ok_or_else(|| log.text())
        };
        let status = until(&format!("end of {}", self.name), PATIENCE, ended).await;
        Ended { code: status.code(), stderr: log.ended().await }
    }

    /// From now on it listens where it did.
    pub(super) fn keep_addresses(&mut self, announced: &BTreeMap<String, String>) {
        let own = LISTENING.iter().find_map(|name| announced.get(*name));
        let admin = announced.get("admin");
        for (key, address) in [("listen", own), ("admin_listen", admin)] {
            if let Some(address) = address {
                self.settings.insert(key.to_owned(), address.clone());
            }
        }
    }

    pub(super) fn spawn(&self, log: &Log) -> Child {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path))).envs(&self.variables);
        command.args(&self.arguments).arg("--announce").arg(&self.announce);
        for (key, value) in &self.settings {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {}: {error}", self.name));
        log.read(child.stderr.take().expect("standard error is a pipe"));
        child
    }
}
