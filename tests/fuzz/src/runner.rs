//! Runs a target over inputs and says which of them broke it.

use std::{
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use crate::{
    mutator::{Random, mutate},
    targets::Target,
};

/// When to stop, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Inputs to try.
    pub iterations: u64,
    /// Time to spend; none means no limit.
    pub time: Option<Duration>,
}

/// An input that broke a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The input.
    pub input: Vec<u8>,
    /// What happened.
    pub what: String,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Inputs tried.
    pub iterations: u64,
    /// The first input that broke the target; the run ends there.
    pub finding: Option<Finding>,
}

/// Gives one input to a target.
///
/// # Errors
/// What happened, if the target panicked or held more memory than the input justifies.
pub fn check(target: Target, input: &[u8]) -> Result<(), String> {
    let mut outcome = Ok(());
    let peak = allocation_counter::measure(|| {
        outcome = panic::catch_unwind(AssertUnwindSafe(|| target(input)));
    })
    .bytes_max;
    if let Err(cause) = outcome {
        let text =
            cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
        return Err(format!("panicked: {}", text.unwrap_or("with no message")));
    }
    let allowance = allowance(input.len());
    if peak > allowance as u64 {
        return Err(format!("held {peak} bytes for {} bytes of input; {allowance} are allowed", input.len()));
    }
    Ok(())
}

/// Mutates `seeds` and gives the results to a target until the budget is spent or a finding is made. The same seeds and
/// the same `seed` give the same inputs in the same order.
#[must_use]
pub fn run(target: Target, seeds: &[Vec<u8>], seed: u64, budget: Budget) -> Outcome {
    /// Reading the clock costs as much as a small input.
    const CLOCK_EVERY: u64 = 256;
    let started = Instant::now();
    let mut random = Random::new(seed);
    let mut iterations = 0;
    while iterations < budget.iterations {
        if iterations % CLOCK_EVERY == 0 && budget.time.is_some_and(|time| started.elapsed() >= time) {
            break;
        }
        let mut input = random.pick(seeds).clone();
        let other = random.pick(seeds);
        mutate(&mut input, other, &mut random);
        iterations += 1;
        if let Err(what) = check(target, &input) {
            return Outcome { iterations, finding: Some(Finding { input, what }) };
        }
    }
    Outcome { iterations, finding: None }
}

/// What a target may hold for an input of `length` bytes: a few copies, the tree that a JSON parser builds, and room
/// for messages of errors. Less than what 255 hops need, so that a false count is found.
const fn allowance(length: usize) -> usize {
    8 * 1024 + 128 * length
}
