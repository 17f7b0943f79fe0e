//! Programs of others that check what they will read one day.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

use byway_testkit::skipped;

/// A program that a machine may lack.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name on `PATH`.
    pub program: &'static str,
    /// A variable that is set to `1` where it must not be missing.
    pub require: &'static str,
}

impl Tool {
    /// Prometheus' own checker of settings and alerts.
    pub const PROMTOOL: Self = Self { program: "promtool", require: "BYWAY_TEST_REQUIRE_PROMTOOL" };
    /// systemd's own checker of units.
    pub const SYSTEMD: Self = Self { program: "systemd-analyze", require: "BYWAY_TEST_REQUIRE_SYSTEMD" };
    /// What makes Debian packages.
    pub const DPKG: Self = Self { program: "dpkg-deb", require: "BYWAY_TEST_REQUIRE_DPKG" };
    /// What computes a package's dependencies on libraries.
    pub const SHLIBDEPS: Self = Self { program: "dpkg-shlibdeps", require: "BYWAY_TEST_REQUIRE_DPKG" };
    /// Debian's checker of packages.
    pub const LINTIAN: Self = Self { program: "lintian", require: "BYWAY_TEST_REQUIRE_LINTIAN" };
    /// Compose v1.
    pub const COMPOSE: Self = Self { program: "docker-compose", require: "BYWAY_TEST_REQUIRE_COMPOSE" };
    /// Kubernetes' command, which has kustomize built in.
    pub const KUBECTL: Self = Self { program: "kubectl", require: "BYWAY_TEST_REQUIRE_KUBECTL" };

    /// A command of it, or `None` after saying that what it would check is skipped.
    ///
    /// # Panics
    /// If it is missing although its variable requires it.
    #[must_use]
    pub fn command_or_skip(self) -> Option<Command> {
        if let Some(program) = self.find() {
            return Some(Command::new(program));
        }
        let Self { program, require } = self;
        assert!(env::var(require).as_deref() != Ok("1"), "{program} is not installed ({require}=1)");
        skipped(format_args!("checks by {program}: it is not installed"));
        None
    }

    fn find(self) -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|folder| folder.join(self.program)).find(|program| program.is_file())
    }
}

/// Runs a command to its end and returns what it wrote to standard output. It does not inherit the variables of a test
/// run, which Byway's programs would take for settings.
///
/// # Panics
/// If it fails, with all that it wrote.
pub fn run(command: &mut Command) -> String {
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BYWAY_")) {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    stdout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_path_is_found_and_what_is_not_is_skipped() {
        let shell = Tool { program: "sh", require: "BYWAY_TEST_REQUIRE_NOTHING" };
        let mut shell = shell.command_or_skip().unwrap();
        assert_eq!(run(shell.args(["-c", "echo here"])), "here\n");
        let nobody = Tool { program: "byway-nobody-has-this", require: "BYWAY_TEST_REQUIRE_NOTHING" };
        assert!(nobody.command_or_skip().is_none());
    }
}
