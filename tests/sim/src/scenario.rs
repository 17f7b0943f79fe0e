//! What can be run: one row each.

mod degraded;
mod everything;
mod fairness;
mod large;
mod long_link;
mod memory;
mod setup;
mod slow_hop;
mod stalls;
mod streams;
mod striping;

use std::{panic, time::Duration};

use byway_base::limits::{CLOCK_SKEW, ROUTE_LEASE, ROUTE_REQUEST_TTL, ROUTING_ID_QUIET};

use crate::{
    breach::Breach,
    summary::Summary,
    world::{Climate, SessionIx, World},
};

/// A world and what happens in it, by seed.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    run: fn(u64) -> Result<Summary, Breach>,
}

/// Every scenario.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "everything", about: "a small network under every fault at once", run: everything::run },
    Scenario { name: "large", about: "2 000 nodes and 4 000 routes under faults", run: large::run },
    Scenario {
        name: "setup",
        about: "setup messages lost, doubled and reordered, setup nodes and nodes crashing between steps",
        run: setup::run,
    },
    Scenario {
        name: "stalls",
        about: "a route that lived through stalls is as fast as before",
        run: stalls::run,
    },
    Scenario {
        name: "fairness",
        about: "a dead reader leaves the delivery times of all other routes as they are",
        run: fairness::run,
    },
    Scenario {
        name: "memory",
        about: "a thousand dead readers at one node with little memory",
        run: memory::run,
    },
    Scenario { name: "slow-hop", about: "little is queued before a slow hop", run: slow_hop::run },
    Scenario {
        name: "striping",
        about: "two routes carry one session nearly twice as fast",
        run: striping::run,
    },
    Scenario {
        name: "streams",
        about: "a session outlives its routes, and an app that stops reading one of its streams",
        run: streams::run,
    },
    Scenario {
        name: "degraded",
        about: "a route that gets worse than the spare is left",
        run: degraded::run,
    },
    Scenario { name: "long-link", about: "one route fills 100 Mbit/s over 100 ms", run: long_link::run },
];

/// The scenario of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

impl Scenario {
    /// Runs it twice with a seed and compares the traces.
    ///
    /// # Errors
    /// The first breach that a checker saw, a panic of a core included, or that the two runs differ.
    pub fn run_twice(&self, seed: u64) -> Result<Summary, Breach> {
        let (first, second) = (self.run_once(seed)?, self.run_once(seed)?);
        if first == second { Ok(first) } else { Err(Breach::Nondeterministic(first.hash, second.hash)) }
    }

    fn run_once(&self, seed: u64) -> Result<Summary, Breach> {
        panic::catch_unwind(|| (self.run)(seed)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Breach::Panic(text.unwrap_or_default()))
        })
    }

    /// The command that runs it again with a seed.
    #[must_use]
    pub fn replay(&self, seed: u64) -> String {
        format!("cargo run -p byway-sim -- --scenario {} --seed {seed}", self.name)
    }
}

/// After the last fault everything comes back.
fn recover(world: &mut World, within: Duration) -> Result<(), Breach> {
    world.climate = Climate::default();
    world.run_while(within, |world| world.check_recovered().is_err())?;
    world.check_recovered()
}

/// The same, then everything ends and nothing is left.
fn recover_and_end(world: &mut World, within: Duration) -> Result<(), Breach> {
    recover(world, within)?;
    end(world)?;
    forget(world)
}

/// When no request can be replayed any more, nothing is remembered.
fn forget(world: &mut World) -> Result<(), Breach> {
    world.run(ROUTING_ID_QUIET.max(ROUTE_REQUEST_TTL + CLOCK_SKEW) + Duration::from_secs(10))?;
    world.check_forgotten()
}

/// Closes all sessions. When the leases are over, no rule is left.
fn end(world: &mut World) -> Result<(), Breach> {
    (0..world.sessions.len()).for_each(|ix| world.close(SessionIx(ix)));
    world.run(2 * ROUTE_LEASE + Duration::from_secs(10))?;
    world.check_empty()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn scenario(run: fn(u64) -> Result<Summary, Breach>) -> Scenario {
        Scenario { name: "made-up", about: "", run }
    }

    #[test]
    fn two_runs_of_one_seed_that_differ_are_found() {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let differs = scenario(|seed| setup::run(seed + RUNS.fetch_add(1, Ordering::Relaxed)));
        assert!(matches!(differs.run_twice(1), Err(Breach::Nondeterministic(..))));
    }

    #[test]
    fn a_core_that_panics_is_found_and_its_words_are_kept() {
        let panics = scenario(|seed| panic!("seed {seed} is not for me"));
        assert_eq!(panics.run_twice(7), Err(Breach::Panic("seed 7 is not for me".to_owned())));
    }
}
