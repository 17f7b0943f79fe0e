//! Measures the overlay on one machine and prints tables, beside what the machine does without it.
//!
//! Every node is a process of its own, so that processor time is known per node; the control plane runs in this one.

mod bare;
mod child;
mod control;
mod data;
mod forwarder;
mod graph;
mod isolation;
mod links;
mod memory;
mod messaging;
mod network;
mod process;
mod report;
mod role;
mod service;
mod setup;
mod stats;
mod streams;
mod switchover;
mod target;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

/// Measure throughput, processor time, latency and dial time over 0 to 3 intermediates.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
    /// Types of transports for streams.
    #[arg(long, global = true, value_delimiter = ',', default_value = "tcp,messaging")]
    transports: Vec<String>,
    /// What a child process of this command does; not for people.
    #[arg(long, hide = true)]
    role: bool,
}

/// How much to measure and how to show it.
#[derive(Args, Debug, Clone, Copy)]
struct Options {
    /// Bytes of each transfer, in units of 1 000 000.
    #[arg(long, global = true, default_value_t = 1000)]
    megabytes: u64,
    /// Measurements per row; the median is shown.
    #[arg(long, global = true, default_value_t = 3)]
    runs: usize,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

impl Options {
    /// Bytes of each transfer.
    const fn bytes(self) -> u64 {
        self.megabytes * 1_000_000
    }
}

/// One table each. Without a command: `streams`.
#[derive(Subcommand, Clone)]
enum Command {
    /// One stream over 0 to 3 intermediates.
    Streams,
    /// All rows of the data plane, each beside its reference, its pass and its aim.
    Data,
    /// The forwarding core alone.
    Forwarder,
    /// A transfer while the active intermediate crashes.
    Switch,
    /// Other routes beside a dead reader and a halted node.
    Isolation,
    /// Memory per idle route and session.
    Memory,
    /// All rows of messaging, each beside its reference, what others do, its pass and its aim.
    Messaging(messaging::Selection),
    /// Route setup: dials, routes per second, the setup node's processor time.
    Setup,
    /// Path search and mirror of a route finder, each row beside petgraph's.
    Graph(graph::Selection),
    /// Simulated nodes against a control plane on a real database, beside the database alone.
    Control(control::Selection),
    /// Streams without the overlay: plain TCP and TLS over TCP, spliced by hand.
    Bare,
    /// Goodput over links with delay, loss and a rate; needs root, since each node is in a network namespace.
    Links(links::Options),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    process::raise_descriptors()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // A task, not the main thread: what is awaited on the main thread is woken across threads.
    runtime.block_on(async { tokio::spawn(run(arguments)).await? })
}

async fn run(arguments: Arguments) -> Result<()> {
    if arguments.role {
        return role::run().await;
    }
    let (options, transports) = (arguments.options, &arguments.transports);
    match arguments.command.unwrap_or(Command::Streams) {
        Command::Streams => {
            let raw = bare::measure(false, 0, options).await?;
            report::streams(&raw, &streams::all(transports, options).await?, options)
        }
        Command::Data => data::print(transports, options).await,
        Command::Forwarder => target::print(&forwarder::measure(options)?, options),
        Command::Switch => target::print(&switchover::measure(options).await?, options),
        Command::Isolation => target::print(&isolation::measure(options).await?, options),
        Command::Memory => target::print(&memory::measure(options).await?, options),
        Command::Messaging(which) => messaging::print(&which, options).await,
        Command::Setup => target::print(&setup::measure(options).await?, options),
        Command::Graph(which) => graph::print(&which, options),
        Command::Control(which) => control::print(&which, options).await,
        Command::Links(which) => links::run(which, options.json).await,
        Command::Bare => report::bare(&bare::all(options).await?, options),
    }
}

/// For people who wait; the table goes to stdout.
#[expect(clippy::print_stderr, reason = "a measurement takes minutes")]
fn progress(what: &str) {
    eprintln!("{what}");
}
