//! `byway-fuzz`: runs targets for as long as you like, and saves what it finds to the corpus.

use std::{io::Write, time::Duration};

use anyhow::{Context, bail};
use byway_fuzz::{
    TARGETS, corpus,
    runner::{self, Budget},
    targets,
};
use clap::Parser;
use data_encoding::HEXLOWER;

/// Mutates the corpus of one or all targets until the budget is spent or a target breaks.
#[derive(Parser)]
struct Args {
    /// The target, or `all`; without one, lists them.
    target: Option<String>,
    /// Inputs to try per target.
    #[arg(long, default_value_t = u64::MAX)]
    iterations: u64,
    /// Seconds to spend per target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seed of the mutations; the same seed repeats a run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut out = std::io::stdout().lock();
    let chosen: Vec<_> = match args.target.as_deref() {
        None => {
            TARGETS.iter().try_for_each(|(name, _)| writeln!(out, "{name}"))?;
            return Ok(());
        }
        Some("all") => TARGETS.to_vec(),
        Some(name) => {
            let target = targets::find(name).with_context(|| format!("there is no target '{name}'"))?;
            vec![(name, target)]
        }
    };
    let budget = Budget { iterations: args.iterations, time: Some(Duration::from_secs(args.seconds)) };
    // A finding is reported once, by this program, with its input.
    std::panic::set_hook(Box::new(|_| ()));
    let mut broken = Vec::new();
    for (name, target) in chosen {
        let seeds: Vec<_> = corpus::load(name)?.into_iter().map(|input| input.bytes).collect();
        let outcome = runner::run(target, &seeds, args.seed, budget);
        writeln!(out, "{name}: {} inputs from {} seeds", outcome.iterations, seeds.len())?;
        if let Some(finding) = outcome.finding {
            let path = corpus::save(name, &finding.input)?;
            writeln!(out, "{name}: {}", finding.what)?;
            writeln!(out, "  input {}", HEXLOWER.encode(&finding.input))?;
            writeln!(out, "  saved to {}", path.display())?;
            broken.push(name);
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!("broken: {}", broken.join(", ")) }
}
