//! Messaging servers and clients as child processes.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use byway_base::PublicKey;
use byway_cli::demo::services::Running;
use byway_messaging_discovery::MessagingDiscovery;
use tempfile::TempDir;

use crate::{
    child::Child,
    process,
    role::{
        Answer, Command,
        client::{ClientCommand, ClientPlan},
        server::ServerPlan,
        stream::Place,
    },
};

/// A messaging server in a process of its own; killed when dropped.
pub(super) struct Server {
    child: Child,
    directory: TempDir,
    settings: Vec<(String, String)>,
    pub(super) place: Place,
}

impl Server {
    /// One that nobody lists.
    pub(super) async fn start() -> Result<Self> {
        Self::start_in(tempfile::tempdir()?, &[], SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// One that messaging discovery lists.
    pub(super) async fn start_listed(discovery: &Discovery) -> Result<Self> {
        let settings = [("messaging_discovery".to_owned(), discovery.url())];
        Self::start_in(tempfile::tempdir()?, &settings, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    async fn start_in(directory: TempDir, settings: &[(String, String)], listen: SocketAddr) -> Result<Self> {
        let mut all = settings.to_vec();
        let own = [
            ("listen", listen.to_string()),
            ("data_dir", directory.path().display().to_string()),
            ("log_level", "error".to_owned()),
        ];
        all.extend(own.map(|(key, value)| (key.to_owned(), value)));
        let plan = ServerPlan { directory: directory.path().to_owned(), settings: all };
        let mut child = Child::start()?;
        let answer = child.ask(&Command::Server(plan)).await?;
        let key = Some(answer.key.context("the messaging server has no key")?);
        let place = Place { address: answer.address.parse()?, key };
        Ok(Self { child, directory, settings: settings.to_vec(), place })
    }

    /// Kills it, as a crash would, and starts it again with its key at its address.
    pub(super) async fn restart(self) -> Result<Self> {
        self.child.kill().await?;
        Self::start_in(self.directory, &self.settings, self.place.address).await
    }

    /// Seconds of processor time so far.
    pub(super) fn cpu(&self) -> Result<f64> {
        process::cpu_seconds(self.child.pid()?)
    }

    /// The process.
    pub(super) const fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

/// Messaging discovery, in this process.
pub(super) struct Discovery {
    running: Running,
    _directory: TempDir,
}

impl Discovery {
    pub(super) async fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let running =
            Running::start::<MessagingDiscovery>("messaging-discovery", directory.path(), &[]).await?;
        Ok(Self { running, _directory: directory })
    }

    pub(super) fn url(&self) -> String {
        self.running.url()
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }
}

/// One or more messaging clients in a process of their own.
pub(super) struct Clients {
    child: Child,
    pub(super) keys: Vec<PublicKey>,
}

impl Clients {
    pub(super) async fn start(plan: ClientPlan, count: usize) -> Result<Self> {
        let mut child = Child::start()?;
        let answer = child.ask(&Command::Client(ClientCommand::Start { plan, count })).await?;
        Ok(Self { child, keys: answer.keys })
    }

    /// The key of the first.
    pub(super) fn key(&self) -> Result<PublicKey> {
        self.keys.first().copied().context("there is no client")
    }

    pub(super) async fn ask(&mut self, command: ClientCommand) -> Result<Answer> {
        self.child.ask(&Command::Client(command)).await
    }

    /// Seconds of processor time so far.
    pub(super) fn cpu(&self) -> Result<f64> {
        process::cpu_seconds(self.child.pid()?)
    }
}
