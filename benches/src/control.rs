//! The control plane under load: simulated nodes with keys of their own register, beat and query, against services that
//! are processes and a real database. Beside each row stands what the database does alone, in the same run.
//!
//! Requests are signed before their time is measured, since a real node signs one in ten seconds and here one program signs
//! for all. The generator's own processor time is told apart from the services'.

mod crowd;
mod database;
mod load;
mod mirror;
mod plane;
mod queries;
mod soak;
mod writes;

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::{
    Options, progress, report,
    target::{self, Line},
};

/// What to measure of the control plane.
#[derive(Args, Debug, Clone)]
pub(crate) struct Selection {
    /// Little of everything: shows that it works, not how well.
    #[arg(long)]
    quick: bool,
    /// Only these parts. A soak is part of none but itself.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Simulated nodes.
    #[arg(long, default_value_t = 10_000)]
    nodes: usize,
    /// Transports that each of them opens; each node has twice as many.
    #[arg(long, default_value_t = 4)]
    degree: usize,
    /// Seconds of load in each part.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Requests per second; as many as are answered if absent.
    #[arg(long)]
    rate: Option<f64>,
    /// Connections that requests are spread over.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Where the registry is.
    #[arg(long, default_value = "postgres")]
    store: StoreKind,
}

/// A part of what can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Nodes that report their transports, without news.
    Heartbeats,
    /// Transports registered for the first time.
    Registrations,
    /// Path queries, and how a route finder gets and keeps its mirror.
    Queries,
    /// All of it at once for as long as asked, watching errors and memory.
    Soak,
}

/// Where the registry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StoreKind {
    /// A server of its own, that writes through to the disk.
    Postgres,
    /// A file.
    Sqlite,
}

impl Selection {
    fn wants(&self, part: Part) -> bool {
        if self.only.is_empty() { part != Part::Soak } else { self.only.contains(&part) }
    }

    const fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn conditions(&self) -> String {
        let Self { nodes, degree, seconds, connections, .. } = self;
        let rate =
            self.rate.map_or_else(|| "as fast as answered".to_owned(), |rate| format!("{rate} a second"));
        let store = match self.store {
            StoreKind::Postgres => "PostgreSQL that syncs each commit",
            StoreKind::Sqlite => "SQLite",
        };
        format!(
            "{}; {nodes} nodes, {} transports, {store}, {rate} for {seconds} s, {connections} connections",
            report::machine(),
            nodes * degree,
        )
    }
}

/// Measures what was selected and prints it.
pub(crate) async fn print(selection: &Selection, options: Options) -> Result<()> {
    let mut selection = selection.clone();
    if selection.quick {
        (selection.nodes, selection.seconds) = (200, 1);
    }
    let (mut lines, mut failures) = (Vec::new(), Vec::new());
    for part in Part::value_variants().iter().filter(|part| selection.wants(**part)) {
        progress(&format!("measuring {part:?}"));
        match measure(*part, &selection).await {
            Ok(of_part) => lines.extend(of_part),
            // What was measured before and is measured after is worth as much without it.
            Err(error) => failures.push(format!("{part:?}: {error:#}")),
        }
    }
    let values = serde_json::json!({ "targets": target::values(&lines) });
    report::print_under(&selection.conditions(), &target::text(&lines), values, options.json)?;
    ensure!(failures.is_empty(), "not measured: {}", failures.join("; "));
    Ok(())
}

async fn measure(part: Part, selection: &Selection) -> Result<Vec<Line>> {
    match part {
        Part::Heartbeats => writes::heartbeats(selection).await,
        Part::Registrations => writes::registrations(selection).await,
        Part::Queries => queries::measure(selection).await,
        Part::Soak => soak::measure(selection).await,
    }
}
