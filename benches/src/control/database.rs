//! The database under the registry, and what it does alone.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use byway_testkit::Postgres;
use tempfile::TempDir;

use super::StoreKind;
use crate::process;

/// Rows that one statement writes where many are written at once.
const BATCH: u32 = 256;
/// Connections of the database's own benchmark, as many as a registry keeps.
const CLIENTS: u32 = byway_base::limits::STORE_CONNECTIONS;
/// A table as heartbeats have one: a key, and when it was renewed.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS alone (node integer PRIMARY KEY, renewed bigint NOT NULL)";

/// Where the registry is.
pub(super) enum Database {
    /// A server of its own and a database there.
    Postgres(Box<Postgres>, String),
    /// A file.
    Sqlite(TempDir),
}

/// What PostgreSQL does without a service in front, by its own benchmark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alone {
    /// Rows per second, one in a transaction.
    pub(super) single: f64,
    /// Rows per second, [`BATCH`] in a transaction.
    pub(super) batched: f64,
}

impl Database {
    pub(super) fn start(kind: StoreKind) -> Result<Self> {
        Ok(match kind {
            StoreKind::Postgres => {
                let server = Postgres::start_durable().context("cannot start PostgreSQL")?;
                let database = server.database()?;
                Self::Postgres(Box::new(server), database)
            }
            StoreKind::Sqlite => Self::Sqlite(tempfile::tempdir()?),
        })
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Postgres(server, database) => server.url(database),
            Self::Sqlite(directory) => format!("sqlite:{}", directory.path().join("registry.db").display()),
        }
    }

    /// Seconds of processor time so far; an embedded database has none of its own.
    pub(super) fn cpu(&self) -> Result<f64> {
        match self {
            Self::Postgres(server, _) => process::cpu_seconds_of_family(server.pid()?),
            Self::Sqlite(_) => Ok(0.0),
        }
    }

    /// Runs PostgreSQL's own benchmark for as many seconds each; `None` where there is none.
    pub(super) fn alone(&self, rows: usize, seconds: u64) -> Result<Option<Alone>> {
        let Self::Postgres(server, database) = self else { return Ok(None) };
        let Some(program) = server.program("pgbench") else { return Ok(None) };
        let directory = tempfile::tempdir()?;
        let insert = "INSERT INTO alone (node, renewed)";
        let update = "ON CONFLICT (node) DO UPDATE SET renewed = excluded.renewed;";
        let single = format!("\\set node random(1, {rows})\n{insert} VALUES (:node, 1) {update}\n");
        let batched = format!(
            "\\set node random(1, {rows})\n{insert} SELECT :node + s, 1 FROM generate_series(1, {BATCH}) s {update}\n"
        );
        let mut table = server.program("psql").context("psql is missing")?;
        table.args(["-q", "-c", TABLE, database]);
        run(table)?;
        let measure = |name: &str, script: String| {
            let path = directory.path().join(name);
            fs::write(&path, script)?;
            of_script(&program, path, database, seconds)
        };
        Ok(Some(Alone {
            single: measure("single", single)?,
            batched: measure("batched", batched)? * f64::from(BATCH),
        }))
    }
}

/// Transactions per second.
fn of_script(program: &Command, script: PathBuf, database: &str, seconds: u64) -> Result<f64> {
    let mut command = Command::new(program.get_program());
    command.args(program.get_args()).args(["-n", "-M", "prepared", "-T", &seconds.to_string()]);
    command.args(["-c", &CLIENTS.to_string(), "-f"]).arg(script).arg(database);
    let said = run(command)?;
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench tells no rate: {said}"))
}

fn run(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context("cannot run a program of PostgreSQL")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
