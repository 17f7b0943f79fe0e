//! A program of this workspace as a process: started, awaited, killed, started again where it was.

mod launch;
mod log;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use byway_base::{Code, PublicKey};
use byway_service_kit::{Announcement, HealthReport, Readiness};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::wait::until;
pub use launch::{Ended, Launch};
use log::Log;

/// Time for a process to start or to end. A hundred times what it takes on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Names under which services announce what their setting `listen` became.
const LISTENING: [&str; 3] = ["http", "messaging", "tcp"];

/// A process of a service, killed on drop.
#[derive(Debug)]
pub struct Process {
    launch: Launch,
    child: Child,
    log: Log,
    announcement: Announcement,
}

impl Process {
    /// What it announced when it was first started. The addresses stay the same.
    #[must_use]
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// An address that it listens on, by name.
    ///
    /// # Panics
    /// If it announced none of that name.
    #[must_use]
    pub fn address(&self, name: &str) -> &str {
        let address = self.announcement.addresses.get(name);
        address.unwrap_or_else(|| panic!("{} announced no {name} address", self.launch.name()))
    }

    /// Its public key.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.announcement.key.unwrap_or_else(|| panic!("{} announced no key", self.launch.name()))
    }

    /// The file that it announces itself in while it serves.
    #[must_use]
    pub fn announce_file(&self) -> PathBuf {
        self.launch.announce_file()
    }

    /// Its own directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.launch.data_dir()
    }

    /// The last lines of its log, those of former starts included.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    ///
    /// # Panics
    /// If it was over already.
    pub fn kill9(&mut self) {
        if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
            panic!("{} ended by itself ({status}):\n{}", self.launch.name(), self.log());
        }
        self.end();
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// If it does not end within [`PATIENCE`].
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        let (child, log) = (&mut self.child, &self.log);
        let ended = async || child.try_wait().ok().flatten().ok_or_else(|| log.text());
        until("end after SIGTERM", PATIENCE, ended).await
    }

    /// Stops its work without ending it, as a machine that hangs: connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on after [`Self::freeze`].
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Starts it again after its end, with the same settings and on the same addresses. Returns once it serves.
    ///
    /// # Panics
    /// If it does not serve within [`PATIENCE`].
    pub async fn restart(&mut self) {
        // What a killed process announced would be taken for the new one's.
        let _ = fs::remove_file(self.launch.announce_file());
        self.launch.keep_addresses(&self.announcement.addresses);
        let (child, announcement) = start(&self.launch, &self.log).await;
        self.child = child;
        assert_eq!(announcement.key, self.announcement.key, "{} has another key", self.launch.name());
        assert_eq!(announcement.addresses, self.announcement.addresses);
        self.announcement = announcement;
    }

    /// What its `/readyz` says now.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn health(&self) -> Result<HealthReport, String> {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address("admin")).await?;
            stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
            let mut reply = String::new();
            // The admin listener answers one request a connection.
            stream.read_to_string(&mut reply).await?;
            Ok::<_, std::io::Error>(reply)
        };
        let reply = exchange.await.map_err(|error| format!("{}: {error}", self.launch.name()))?;
        let body = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).map_err(|error| format!("{}: {error} in {reply}", self.launch.name()))
    }

    /// Waits until all of its checks are good.
    ///
    /// # Panics
    /// If they are not within `within`.
    pub async fn ready(&self, within: Duration) {
        let look = async || {
            let report = self.health().await?;
            let green = report.status == Readiness::Ready;
            green.then_some(()).ok_or_else(|| format!("{:?}\n{}", report.checks, self.log()))
        };
        until(&format!("readiness of {}", self.launch.name()), within, look).await;
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name} to {}", self.launch.name());
    }

    fn end(&mut self) {
        // It may be over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Launch {
    /// Starts the process and waits until it serves. Ports that are not set are free ones.
    ///
    /// # Panics
    /// If it does not serve within [`PATIENCE`].
    pub async fn start(self) -> Process {
        let log = Log::default();
        let (child, announcement) = start(&self, &log).await;
        Process { launch: self, child, log, announcement }
    }
}

/// Starts a process and waits for its announcement. Another program may hold its port for a moment, as the local end of
/// a connection; then it is started again.
async fn start(launch: &Launch, log: &Log) -> (Child, Announcement) {
    let mut child = Started(None);
    let announce = launch.announce_file();
    let look = async || {
        let running = child.0.get_or_insert_with(|| launch.spawn(log));
        if let Some(status) = running.try_wait().map_err(|error| error.to_string())? {
            child.0 = None;
            let said = log.ended().await;
            let bind = said.contains(Code::Bind.as_str());
            assert!(bind, "{} ended at its start ({status}):\n{said}", launch.name());
            return Err(said);
        }
        let announced = Announcement::read(&announce).map_err(|problem| problem.to_string())?;
        announced.ok_or_else(|| log.text())
    };
    let announcement = until(&format!("announcement of {}", launch.name()), PATIENCE, look).await;
    let child = child.0.take().expect("who announced itself was started");
    (child, announcement)
}

/// A child that is killed unless it is taken out.
struct Started(Option<Child>);

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
