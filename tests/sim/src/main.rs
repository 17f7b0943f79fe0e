//! `byway-sim`: runs scenarios by seed, each seed twice, and prints what happened or how to repeat what failed.

use std::{
    io::{Write, stdout},
    process::ExitCode,
    time::Instant,
};

use anyhow::Context;
use byway_sim::{SCENARIOS, Scenario, find, print_events};
use clap::Parser;

/// Runs a scenario with a seed, or with a range of them.
#[derive(Parser)]
struct Args {
    /// The scenario, or `all`; without one, lists them.
    #[arg(long)]
    scenario: Option<String>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seeds from the first up to but not including the last, as in `1..100`; instead of `--seed`.
    #[arg(long, value_parser = seeds, conflicts_with = "seed")]
    seeds: Option<std::ops::Range<u64>>,
    /// Prints every event of both runs to standard error.
    #[arg(long)]
    events: bool,
}

fn seeds(text: &str) -> Result<std::ops::Range<u64>, String> {
    let (first, last) = text.split_once("..").ok_or("write it as 1..100")?;
    let number = |text: &str| text.parse().map_err(|error| format!("'{text}': {error}"));
    Ok(number(first)?..number(last)?)
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.events {
        print_events();
    }
    let chosen: Vec<&Scenario> = match args.scenario.as_deref() {
        None => {
            for scenario in SCENARIOS {
                writeln!(stdout(), "{:12} {}", scenario.name, scenario.about)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Some("all") => SCENARIOS.iter().collect(),
        Some(name) => vec![find(name).with_context(|| format!("there is no scenario '{name}'"))?],
    };
    let mut failed = 0;
    for seed in args.seeds.unwrap_or(args.seed..args.seed + 1) {
        for scenario in &chosen {
            let begin = Instant::now();
            match scenario.run_twice(seed) {
                Ok(summary) => {
                    let took = begin.elapsed().as_secs_f64();
                    writeln!(stdout(), "{} {seed}: {summary}; twice in {took:.1} s", scenario.name)?;
                }
                Err(breach) => {
                    failed += 1;
                    writeln!(stdout(), "{} {seed}: {breach}", scenario.name)?;
                    writeln!(stdout(), "  {}", scenario.replay(seed))?;
                }
            }
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
