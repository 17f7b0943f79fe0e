//! Measures the overlay on one machine and prints a table, beside what the machine does without it.
//!
//! Every node is a process of its own, so that processor time is known per node; the control plane runs in this one.

mod chain;
mod child;
mod cpu;
mod raw;
mod report;
mod role;

use anyhow::Result;
use clap::Parser;

/// Measure throughput, processor time, latency and dial time over 0 to 3 intermediates.
#[derive(Parser)]
struct Arguments {
    /// Bytes of each transfer, in units of 1 000 000.
    #[arg(long, default_value_t = 1000)]
    megabytes: u64,
    /// Transfers per row; the median is shown.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// What a child process of this command does; not for people.
    #[arg(long, hide = true)]
    role: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if arguments.role {
        return runtime.block_on(role::run());
    }
    let bytes = arguments.megabytes * 1_000_000;
    runtime.block_on(async {
        let raw = raw::measure(bytes, arguments.runs).await?;
        let mut rows = Vec::new();
        for intermediates in 0..=3 {
            progress(&format!("measuring {intermediates} intermediates"));
            rows.push(chain::measure(intermediates, "tcp", bytes, arguments.runs).await?);
        }
        progress("measuring a messaging transport");
        rows.push(chain::measure(0, "messaging", bytes, arguments.runs).await?);
        report::print(&raw, &rows, arguments.json)
    })
}

/// For people who wait; the table goes to stdout.
#[expect(clippy::print_stderr, reason = "a measurement takes minutes")]
fn progress(what: &str) {
    eprintln!("{what}");
}
