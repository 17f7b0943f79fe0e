//! Docker and its compose tool, in either of the two forms that it comes in.

use std::{path::Path, process::Command, time::Duration};

use crate::command::{Failure, run};

/// Time for what asks the engine and changes little.
const SHORT: Duration = Duration::from_secs(60);

/// A container engine that answers.
#[derive(Debug)]
pub(crate) struct Engine {
    /// The compose tool's first words: `docker compose`, or `docker-compose` as of version 1.29.
    compose: &'static [&'static str],
}

impl Engine {
    /// # Errors
    /// If there is none here, and why.
    pub(crate) fn find() -> Result<Self, Failure> {
        run(Command::new("docker").args(["info", "--format", "{{.ServerVersion}}"]), SHORT)?;
        let forms: [&'static [&'static str]; 2] = [&["docker", "compose"], &["docker-compose"]];
        let answers = |words: &&&'static [&'static str]| {
            run(Command::new(words[0]).args(&words[1..]).arg("version"), SHORT).is_ok()
        };
        let compose = forms.iter().find(answers).copied();
        compose.map(|compose| Self { compose }).ok_or_else(|| {
            Failure::new("find the compose tool", "neither `docker compose` nor `docker-compose` answers")
        })
    }

    /// Runs `docker` with these words.
    ///
    /// # Errors
    /// What it said.
    pub(crate) fn docker(&self, words: &[&str]) -> Result<String, Failure> {
        run(Command::new("docker").args(words), SHORT)
    }

    /// The compose tool for a project of the repository.
    pub(crate) fn compose(&self, repository: &Path, project: &str, environment: &Path) -> Command {
        let mut command = Command::new(self.compose[0]);
        command.args(&self.compose[1..]).current_dir(repository);
        command.args(["--project-name", project, "--env-file"]).arg(environment);
        command
    }
}
