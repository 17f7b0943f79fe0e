//! A child process with a role, spoken to by lines of JSON.

use std::{env::current_exe, process::Stdio};

use anyhow::{Context, Result, ensure};
use byway_netns::Namespace;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child as Process, ChildStdin, ChildStdout, Command},
    time::{Duration, timeout},
};

use crate::role::{Answer, Command as Order};

/// Longest wait for an answer: a slow machine moves a gigabyte through four processes.
const ANSWER: Duration = Duration::from_secs(300);

/// A running child; killed when dropped.
pub(crate) struct Child {
    process: Process,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts this program again as a child.
    pub(crate) fn start() -> Result<Self> {
        Self::spawn(Command::new(current_exe()?))
    }

    /// As [`Self::start`], with variables of its environment: what must not show on a command line.
    pub(crate) fn start_with(variables: &[(String, String)]) -> Result<Self> {
        let mut command = Command::new(current_exe()?);
        command.envs(variables.iter().cloned());
        Self::spawn(command)
    }

    /// As [`Self::start`], in a namespace.
    pub(crate) fn start_in(namespace: &Namespace) -> Result<Self> {
        Self::spawn(namespace.command(current_exe()?).into())
    }

    fn spawn(mut command: Command) -> Result<Self> {
        let mut process = command
            .arg("--role")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a child process")?;
        let stdin = process.stdin.take().context("the child has no stdin")?;
        let stdout = process.stdout.take().context("the child has no stdout")?;
        Ok(Self { process, stdin, stdout: BufReader::new(stdout).lines() })
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.id().context("the child is gone")
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn ask(&mut self, order: &Order) -> Result<Answer> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        self.stdin.write_all(line.as_bytes()).await?;
        let answer =
            timeout(ANSWER, self.stdout.next_line()).await.context("the child does not answer")??;
        let answer = answer.context("the child ended")?;
        ensure!(!answer.starts_with("error"), "the child failed: {answer}");
        Ok(serde_json::from_str(&answer)?)
    }
}
