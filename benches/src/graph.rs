//! Path search and mirror of a route finder, at the sizes that the network is laid out for.
//!
//! The networks are drawn at random (`model`); times are processor time of one thread, so that a busy machine spoils
//! them by its caches only.

mod clock;
mod mirror;
mod model;
mod search;

use anyhow::Result;
use clap::Args;

use crate::{
    Options, progress, report,
    target::{self, Line},
};
use mirror::Mirror;
use model::{Model, Size};

/// What to measure of path search.
#[derive(Args, Debug, Clone)]
pub(crate) struct Selection {
    /// A few queries on the smallest network: shows that it works, not how well.
    #[arg(long)]
    quick: bool,
    /// Nodes of the largest network to measure, up to the million.
    #[arg(long, default_value_t = 1_000_000)]
    nodes: u32,
}

/// How much of each, by ascending size of the network.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Queries before the first that counts.
    warm: usize,
    queries: [usize; 3],
    /// Queries for petgraph.
    references: [usize; 3],
    /// Changes of the mirror.
    changes: usize,
}

impl Extent {
    const WHOLE: Self = Self { warm: 50, queries: [4_000, 1_000, 300], references: [200, 20, 0], changes: 5 };
    const QUICK: Self = Self { warm: 5, queries: [100, 0, 0], references: [5, 0, 0], changes: 2 };
}

const SIZES: [(&str, Size); 3] = [
    ("10k nodes", Size { nodes: 10_000, transports: 40_000 }),
    ("100k nodes", Size { nodes: 100_000, transports: 400_000 }),
    ("1M nodes", Size { nodes: 1_000_000, transports: 5_000_000 }),
];

const SEED: u64 = 1;

/// Measures what was selected and prints it.
pub(crate) fn print(selection: &Selection, options: Options) -> Result<()> {
    let extent = if selection.quick { Extent::QUICK } else { Extent::WHOLE };
    let most = if selection.quick { SIZES[0].1.nodes } else { selection.nodes };
    let mut lines: Vec<Line> = Vec::new();
    for (size, (name, network)) in SIZES.into_iter().enumerate().filter(|(_, (_, size))| size.nodes <= most) {
        progress(&format!("drawing a network of {name}"));
        let model = Model::draw(network, SEED);
        progress("loading its mirror");
        let mut mirror = Mirror::load(&model)?;
        progress("searching");
        lines.extend(search::measure(&model, &mirror.view, name, size, extent));
        lines.extend(mirror.measure(&model, name, size + 1 == SIZES.len(), extent.changes));
    }
    let conditions = format!(
        "{}; processor time of one thread; 10k/40k, 100k/400k and 1M/5M nodes and transports drawn at random, seed {SEED}",
        report::machine()
    );
    let value = serde_json::json!({ "targets": target::values(&lines) });
    report::print_under(&conditions, &target::text(&lines), value, options.json)
}
