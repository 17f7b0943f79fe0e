//! A real PostgreSQL server for tests: own data directory, loopback only, gone when the test process is.
//!
//! The server is looked after by a small shell script that runs as an unprivileged user and is told what to do
//! through its standard input. When that pipe closes, because the [`Postgres`] was dropped or because the test
//! process died in whatever way, the script stops the server and removes its files.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

mod install;

use crate::skipped;
use install::Install;

/// Set to `1` where PostgreSQL must not be missing, so that tests fail instead of being skipped.
pub const REQUIRE: &str = "BYWAY_TEST_REQUIRE_POSTGRES";

/// Another program may take the port between its choice and the server's start; then another port is tried.
const START_ATTEMPTS: usize = 5;

/// A running server. Dropping it stops the server at once and removes its files.
#[derive(Debug)]
pub struct Postgres {
    install: Install,
    port: u16,
    keeper: Mutex<Keeper>,
    databases: AtomicU64,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No PostgreSQL binaries are on this machine.
    #[error("PostgreSQL is not installed")]
    NotInstalled,
    /// The binaries are there, but a step failed.
    #[error("PostgreSQL failed to {step}: {detail}")]
    Failed {
        /// What was tried.
        step: String,
        /// What it said.
        detail: String,
    },
}

impl Postgres {
    /// Creates a cluster in a temporary directory and starts a server for it.
    ///
    /// # Errors
    /// [`PostgresError::NotInstalled`] where there is none, [`PostgresError::Failed`] if it does not start.
    pub fn start() -> Result<Self, PostgresError> {
        Self::start_with("-c fsync=off -c shared_buffers=16MB")
    }

    /// The same as a server is in earnest, for measurements: each commit is on the disk before it is told.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_durable() -> Result<Self, PostgresError> {
        Self::start_with("-c fsync=on -c shared_buffers=256MB")
    }

    fn start_with(options: &str) -> Result<Self, PostgresError> {
        let install = Install::find().ok_or(PostgresError::NotInstalled)?;
        let mut last = failed("start", "never tried");
        for _ in 0..START_ATTEMPTS {
            let port = free_port().map_err(|error| failed("find a port", error))?;
            match Keeper::start(&install, port, options) {
                Ok(keeper) => {
                    let databases = AtomicU64::new(0);
                    return Ok(Self { install, port, keeper: Mutex::new(keeper), databases });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The server of this test process, started by the first caller, stopped when the last one lets it go.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn shared() -> Result<Arc<Self>, PostgresError> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }

    /// Where its programs are: `pg_dump`, `psql` and the others, of the server's own version.
    #[must_use]
    pub fn binaries(&self) -> &Path {
        &self.install.binaries
    }

    /// The URL of a database by name.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates an empty database and returns its name.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] with what `createdb` said.
    pub fn database(&self) -> Result<String, PostgresError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut command = self.program("createdb").ok_or(PostgresError::NotInstalled)?;
        let output = command.arg(&name).output().map_err(|error| failed("run createdb", error))?;
        if output.status.success() {
            Ok(name)
        } else {
            Err(failed("create a database", String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// Kills the server processes behind every connection to a database with signal 9. The whole server then
    /// recovers as after a crash; every connection to it is lost.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] if nobody was connected.
    pub fn kill_backends(&self, database: &str) -> Result<(), PostgresError> {
        self.tell(&format!("kill {database}"))
    }

    /// Stops the server without a checkpoint, as a crash would.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] if it does not stop.
    pub fn crash(&self) -> Result<(), PostgresError> {
        self.tell("crash")
    }

    /// Starts the server again on its port and waits until it answers.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] if it does not start.
    pub fn start_again(&self) -> Result<(), PostgresError> {
        self.tell("start")
    }

    /// The server's process; those of its connections are its children.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] if the server does not run.
    pub fn pid(&self) -> Result<u32, PostgresError> {
        let file = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).pid_file();
        let text = std::fs::read_to_string(file).map_err(|error| failed("tell its process", error))?;
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
        pid.ok_or_else(|| failed("tell its process", text))
    }

    /// A program of this installation that is to speak to the server; `None` if it is not installed.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<Command> {
        let path = self.install.binaries.join(name);
        path.is_file().then(|| {
            let mut command = Command::new(path);
            command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
            command
        })
    }

    fn tell(&self, order: &str) -> Result<(), PostgresError> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).tell(order)
    }
}

/// The shared server, or `None` after saying that the test is skipped.
///
/// # Panics
/// If the server does not start, or is not installed although [`REQUIRE`] asks for it.
#[must_use]
pub fn postgres_or_skip() -> Option<Arc<Postgres>> {
    match Postgres::shared() {
        Ok(server) => Some(server),
        Err(PostgresError::NotInstalled) if std::env::var(REQUIRE).as_deref() != Ok("1") => {
            skipped("tests on PostgreSQL: it is not installed");
            None
        }
        Err(error) => panic!("{error} ({REQUIRE}={:?})", std::env::var(REQUIRE).ok()),
    }
}

/// The script that keeps the server, and the pipes to it.
#[derive(Debug)]
struct Keeper {
    child: Child,
    /// `None` once the keeper was told to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    log: PathBuf,
    directory: tempfile::TempDir,
}

impl Keeper {
    fn start(install: &Install, port: u16, options: &str) -> Result<Self, PostgresError> {
        let directory = install.directory().map_err(|error| failed("create a directory", error))?;
        let mut child = install
            .shell(include_str!("postgres/keeper.sh"))
            .arg(&install.binaries)
            .arg(directory.path())
            .arg(port.to_string())
            .arg(options)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A signal to the process group of the tests must not end the keeper before it has cleaned up.
            .process_group(0)
            .spawn()
            .map_err(|error| failed("run a shell", error))?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let log = directory.path().join("log");
        let mut keeper = Self { child, orders, answers, log, directory };
        keeper.answer("start")?;
        Ok(keeper)
    }

    /// The server's own, the process on its first line.
    fn pid_file(&self) -> PathBuf {
        self.directory.path().join("data/postmaster.pid")
    }

    fn tell(&mut self, order: &str) -> Result<(), PostgresError> {
        let pipe = self.orders.as_mut().expect("orders end only with the keeper");
        writeln!(pipe, "{order}").map_err(|error| failed(order, error))?;
        self.answer(order)
    }

    /// Waits for the keeper's one-line answer. `pg_ctl` bounds each step with its own deadline.
    fn answer(&mut self, order: &str) -> Result<(), PostgresError> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| failed(order, error))?;
        if line.trim() == "ok" {
            return Ok(());
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.char_indices().rev().nth(2_000).map_or(0, |(at, _)| at);
        Err(failed(order, format!("{} {}", line.trim(), &log[from..])))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders.take();
        if let Err(error) = self.child.wait() {
            tracing::warn!(%error, "cannot wait for the PostgreSQL keeper");
        }
    }
}

fn failed(step: &str, detail: impl ToString) -> PostgresError {
    PostgresError::Failed { step: step.to_owned(), detail: detail.to_string() }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
