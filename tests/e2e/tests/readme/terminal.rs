//! Terminals in which commands are typed: a shell for each command, with what was exported before.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use byway_base::Code;
use byway_e2e::PATIENCE;
use byway_testkit::wait::until;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{skip::Skip, steps::Who};

/// The terminals of all people, in one directory that stands for a clone of the repository. Dropping this kills what
/// still runs.
pub(crate) struct Terminals {
    directory: TempDir,
    exports: BTreeMap<Who, Vec<String>>,
    running: Vec<Child>,
}

impl Terminals {
    /// Where the release build would be, there is the `byway` that tests have.
    pub(crate) fn new(byway: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("target")).unwrap();
        fs::create_dir_all(directory.path().join("home")).unwrap();
        let build = directory.path().join("target/release");
        std::os::unix::fs::symlink(byway.parent().unwrap(), build).unwrap();
        Self { directory, exports: BTreeMap::new(), running: Vec::new() }
    }

    /// A file in the clone.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where a node has its socket that was not told another place.
    pub(crate) fn socket_of_alice(&self) -> PathBuf {
        self.home().join(".local/state/byway/node/node.sock")
    }

    /// Everybody's home directory.
    fn home(&self) -> PathBuf {
        self.file("home")
    }

    /// Types a line that begins with `export`; it counts for all that is typed there later.
    pub(crate) fn export(&mut self, whose: &[Who], line: &str) {
        for who in whose {
            self.exports.entry(*who).or_default().push(line.to_owned());
        }
    }

    /// Types a command that ends, and returns what it printed.
    pub(crate) async fn run(&self, who: Who, line: &str) -> String {
        self.try_run(who, line).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// [`Self::run`] for a command that may fail.
    pub(crate) async fn try_run(&self, who: Who, line: &str) -> Result<String, String> {
        let mut command = tokio::process::Command::from(self.command(who, line));
        let output = timeout(PATIENCE, command.kill_on_drop(true).output()).await;
        let Output { status, stdout, stderr } =
            output.map_err(|_| format!("`{line}` does not end"))?.unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        if status.success() { Ok(stdout) } else { Err(format!("`{line}`: {status}\n{stdout}{stderr}")) }
    }

    /// Types a command that goes on, and returns when it has said `says`.
    ///
    /// # Errors
    /// If somebody else has its port.
    pub(crate) async fn begin(&mut self, who: Who, line: &str, says: &str) -> Result<(), Skip> {
        let path = self.file(&format!("output-{}", self.running.len()));
        let file = fs::File::create(&path).unwrap();
        let mut command = self.command(who, line);
        self.running.push(command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap());
        let child = self.running.last_mut().unwrap();
        let said = async || {
            let ended = child.try_wait().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            match ended {
                _ if text.contains(says) => Ok(Ok(())),
                Some(_) if text.contains(Code::Bind.as_str()) => Ok(Err(Skip(text))),
                Some(status) => panic!("`{line}` ended ({status}):\n{text}"),
                None => Err(text),
            }
        };
        until(&format!("'{says}' of `{line}`"), PATIENCE, said).await
    }

    fn command(&self, who: Who, line: &str) -> Command {
        let exports = self.exports.get(&who).map(|lines| lines.join("\n")).unwrap_or_default();
        let mut command = Command::new("sh");
        // The program takes the shell's place, so that a signal reaches it.
        command.arg("-c").arg(format!("{exports}\nexec {line}")).current_dir(self.directory.path());
        command.env_clear().envs(env::var_os("PATH").map(|path| ("PATH", path))).env("HOME", self.home());
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        for mut child in self.running.drain(..) {
            // It may have ended before.
            let _ = child.kill();
            // Its ports are free only then.
            let _ = child.wait();
        }
    }
}
