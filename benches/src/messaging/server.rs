//! Messaging servers and clients as child processes.

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
        server::Program,
    },
    service::ServiceProcess,
};

/// A messaging server that nobody lists.
pub(super) async fn start() -> Result<ServiceProcess> {
    ServiceProcess::start(Program::MessagingServer, &[]).await
}

/// A messaging server that messaging discovery lists.
pub(super) async fn start_listed(discovery: &Discovery) -> Result<ServiceProcess> {
    let settings = [("messaging_discovery".to_owned(), discovery.url())];
    ServiceProcess::start(Program::MessagingServer, &settings).await
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
