//! Goodput over emulated links: plain TCP beside the overlay, over one link and over three in a row.

mod cell;
mod site;
mod table;

use std::time::Duration;

use anyhow::Result;
use byway_netns::{Lab, Rate, Reordering, Shape};
use clap::Args;

use crate::progress;
use cell::{Carrier, Cell, Span, goodput};
use table::{LinkRow, Striping};

/// The queue before each link, as long as that of many routers.
const QUEUE: Duration = Duration::from_millis(100);
/// How far a reordered packet falls behind.
const LATE: Duration = Duration::from_millis(5);

/// What to measure over emulated links.
#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// A few links, and each for a moment only: shows that it works, not how well.
    #[arg(long)]
    quick: bool,
    /// Only links whose name contains this, as "20 ms"; `stripe` for two routes at once.
    #[arg(long, default_value = "")]
    only: String,
    /// Types of transports.
    #[arg(long, value_delimiter = ',', default_value = "tcp,quic")]
    types: Vec<String>,
    /// What the kernel controls congestion with, as "cubic"; its default if absent.
    #[arg(long)]
    congestion: Option<String>,
}

impl Options {
    const fn span(&self) -> Span {
        if self.quick { Span::QUICK } else { Span::WHOLE }
    }

    /// What the kernel controls congestion with.
    fn congestion(&self) -> String {
        let default =
            || std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default();
        self.congestion.clone().unwrap_or_else(default).trim().to_owned()
    }

    fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}

/// A link and how people call it.
struct Kind {
    name: String,
    shape: Shape,
}

impl Kind {
    fn new(mbit_per_s: u64, delay_ms: u64, loss_percent: f64) -> Self {
        let rate = Some(Rate { bits_per_second: mbit_per_s * 1_000_000, queue: QUEUE });
        let delay = Duration::from_millis(delay_ms);
        let shape = Shape { delay, loss: loss_percent / 100.0, rate, ..Shape::default() };
        Self { name: format!("{mbit_per_s} Mbit/s {delay_ms} ms {loss_percent} %"), shape }
    }

    fn reordering(mut self, share_percent: f64) -> Self {
        self.shape.reordering = Some(Reordering { share: share_percent / 100.0, late: LATE });
        self.name += &format!(" reordered {share_percent} %");
        self
    }
}

fn kinds(options: &Options) -> Vec<Kind> {
    let (delays, losses): (&[u64], &[f64]) =
        if options.quick { (&[20], &[0.0, 1.0]) } else { (&[20, 100], &[0.0, 0.1, 1.0, 5.0]) };
    let each = delays.iter().flat_map(|delay| losses.iter().map(|loss| Kind::new(100, *delay, *loss)));
    let mut kinds: Vec<_> = each.collect();
    if !options.quick {
        kinds.push(Kind::new(100, 20, 0.0).reordering(1.0));
        kinds.push(Kind::new(500, 20, 0.0));
    }
    kinds.retain(|kind| options.wants(&kind.name));
    kinds
}

pub(crate) async fn run(options: Options, json: bool) -> Result<()> {
    // Said before anything is measured, not in the middle.
    drop(Lab::start()?);
    let mut rows = Vec::new();
    for kind in kinds(&options) {
        rows.push(row(&kind, &options).await);
    }
    let striping = if options.wants("stripe") { Some(striping(&options).await) } else { None };
    table::print(&rows, striping.as_ref(), &options, json)
}

async fn row(kind: &Kind, options: &Options) -> LinkRow {
    let carriers = std::iter::once(Carrier::Plain).chain(options.types.iter().cloned().map(Carrier::Overlay));
    let mut cells = Vec::new();
    for carrier in carriers {
        for links in [1, 3] {
            let cell = Cell { carrier: carrier.clone(), links, policy: format!("hops={links}") };
            let measured = goodput(&cell, kind.shape, options).await;
            progress(&format!("{}: {carrier} over {links}: {measured}", kind.name));
            cells.push((carrier.clone(), links, measured));
        }
    }
    LinkRow { link: kind.name.clone(), cells }
}

/// One route against two that share nothing.
async fn striping(options: &Options) -> Striping {
    let kind = Kind::new(100, 20, 0.0);
    let transport = options.types.first().cloned().unwrap_or_default();
    let mut measured = Vec::new();
    for policy in ["hops=2 stripe=1", "hops=2 stripe=2"] {
        progress(&format!("{}: {policy}", kind.name));
        measured.push(cell::striped(&transport, policy, kind.shape, options).await);
    }
    Striping { link: kind.name, transport, measured }
}
