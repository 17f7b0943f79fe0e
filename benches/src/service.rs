//! A service as a child process.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tempfile::TempDir;

use crate::{
    child::Child,
    process,
    role::{
        Command,
        server::{Program, ServerPlan},
        stream::Place,
    },
};

/// A service in a process of its own, on a free port of loopback; killed when dropped.
pub(crate) struct ServiceProcess {
    child: Child,
    program: Program,
    directory: TempDir,
    settings: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    pub(crate) place: Place,
}

impl ServiceProcess {
    /// Starts it with settings, by name, beside those of a fresh installation.
    pub(crate) async fn start(program: Program, settings: &[(String, String)]) -> Result<Self> {
        Self::start_with(program, settings, &[]).await
    }

    /// The same with variables of its environment.
    pub(crate) async fn start_with(
        program: Program,
        settings: &[(String, String)],
        variables: &[(String, String)],
    ) -> Result<Self> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let directory = tempfile::tempdir()?;
        Self::start_in(program, directory, settings.to_vec(), variables.to_vec(), free).await
    }

    async fn start_in(
        program: Program,
        directory: TempDir,
        settings: Vec<(String, String)>,
        variables: Vec<(String, String)>,
        listen: SocketAddr,
    ) -> Result<Self> {
        let mut all = settings.clone();
        let own = [
            ("listen", listen.to_string()),
            ("data_dir", directory.path().display().to_string()),
            ("log_level", "error".to_owned()),
        ];
        all.extend(own.map(|(key, value)| (key.to_owned(), value)));
        let plan = ServerPlan { program, directory: directory.path().to_owned(), settings: all };
        let mut child = Child::start_with(&variables)?;
        let answer = child.ask(&Command::Server(plan)).await?;
        let place = Place { address: answer.address.parse()?, key: answer.key };
        Ok(Self { child, program, directory, settings, variables, place })
    }

    /// Kills it, as a crash would, and starts it again with its key at its address.
    pub(crate) async fn restart(self) -> Result<Self> {
        self.child.kill().await?;
        let Self { program, directory, settings, variables, place, .. } = self;
        Self::start_in(program, directory, settings, variables, place.address).await
    }

    /// Its base URL, if it serves HTTP.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.place.address)
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu(&self) -> Result<f64> {
        process::cpu_seconds(self.child.pid()?)
    }

    /// Resident memory, bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        process::resident_bytes(self.child.pid()?)
    }

    /// The process.
    pub(crate) const fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}
