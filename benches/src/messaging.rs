//! The rows of messaging, each beside the same done by hand in the same run, and beside what others were measured to do.
//!
//! Servers and clients are processes of their own; a server is the whole service, as its executable runs it.

mod clients;
mod connects;
mod dial;
mod idle;
mod relay;
mod server;
mod storm;

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use crate::{
    Options, progress,
    target::{self, Line},
};
use relay::{Between, Reference};

/// What to measure of messaging.
#[derive(Args, Debug, Clone)]
pub(crate) struct Selection {
    /// Little of everything: shows that it works, not how well.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
}

/// A part of what can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Throughput, processor time and round trips through one server.
    Relay,
    /// The same where the clients are connected to it by QUIC.
    RelayQuic,
    /// The same through two servers, to each of which one of the clients is connected.
    RelayTwo,
    /// Memory of a server that many idle clients are connected to.
    Clients,
    /// Connections that a server accepts.
    Connects,
    /// Connections to peers by key.
    Dial,
    /// All clients at once, after their server was killed and started again.
    Storm,
    /// Traffic of a client that does nothing.
    Idle,
}

/// How much of each.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Small messages per run.
    pings: u32,
    /// Idle clients of one server.
    clients: &'static [u32],
    /// Connections per run.
    connects: u32,
    /// Peers dialled.
    dials: usize,
    /// Clients that lose their server.
    storm: usize,
    /// Time in which an idle client is watched.
    idle: Duration,
}

impl Extent {
    const WHOLE: Self = Self {
        pings: 1_000,
        clients: &[1_000, 10_000],
        connects: 2_000,
        dials: 100,
        storm: 1_000,
        idle: Duration::from_secs(300),
    };
    const QUICK: Self = Self {
        pings: 100,
        clients: &[100],
        connects: 100,
        dials: 10,
        storm: 40,
        idle: Duration::from_secs(15),
    };
}

impl Selection {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Measures what was selected and prints it.
pub(crate) async fn print(selection: &Selection, mut options: Options) -> Result<()> {
    let mut extent = Extent::WHOLE;
    if selection.quick {
        extent = Extent::QUICK;
        (options.runs, options.megabytes) = (1, options.megabytes.min(20));
    }
    let (mut lines, mut failures) = (Vec::new(), Vec::new());
    let mut reference = None;
    for part in Part::value_variants().iter().filter(|part| selection.wants(**part)) {
        match measure(*part, extent, options, &mut reference).await {
            Ok(of_part) => lines.extend(of_part),
            // What was measured before and is measured after is worth as much without it.
            Err(error) => failures.push(format!("{part:?}: {error:#}")),
        }
    }
    target::print(&lines, options)?;
    ensure!(failures.is_empty(), "not measured: {}", failures.join("; "));
    Ok(())
}

async fn measure(
    part: Part,
    extent: Extent,
    options: Options,
    reference: &mut Option<Reference>,
) -> Result<Vec<Line>> {
    let between = match part {
        Part::Relay => Between::Tls,
        Part::RelayQuic => Between::Quic,
        Part::RelayTwo => Between::TwoServers,
        Part::Clients => {
            progress("measuring memory of idle clients");
            return clients::measure(extent, options).await;
        }
        Part::Connects => {
            progress("measuring connects");
            return connects::measure(extent, options).await;
        }
        Part::Dial => {
            progress("measuring dials");
            return dial::measure(extent).await;
        }
        Part::Storm => {
            progress("measuring a storm of reconnects");
            return storm::measure(extent, options).await;
        }
        Part::Idle => {
            progress(&format!("watching an idle client for {:?}", extent.idle));
            return idle::measure(extent).await;
        }
    };
    let reference = match reference {
        Some(reference) => reference,
        none => none.insert(Reference::measure(options).await?),
    };
    relay::measure(between, reference, extent, options).await
}
