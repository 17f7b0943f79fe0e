//! The runner finds what it is there to find: panics, second forms and trust in a false length.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use byway_fuzz::{
    corpus,
    runner::{Budget, Finding, check, run},
};

const BUDGET: Budget = Budget { iterations: 100_000, time: None };

fn seeds() -> Vec<Vec<u8>> {
    corpus::load("packet").unwrap().into_iter().map(|input| input.bytes).collect()
}

fn finding_in(target: fn(&[u8])) -> Finding {
    run(target, &seeds(), 1, BUDGET).finding.unwrap()
}

/// Indexes by a length that the input claims.
fn reads_beyond_the_end(data: &[u8]) {
    if let [1, 0, _, length, rest @ ..] = data {
        let _ = rest[usize::from(*length)];
    }
}

/// Sets memory aside for a count that the input claims.
fn trusts_a_count(data: &[u8]) {
    if let [_, _, high, low, ..] = data {
        let _ = Vec::<[u8; 80]>::with_capacity(usize::from(u16::from_be_bytes([*high, *low])));
    }
}

/// Ignores a byte, as a decoder with two forms for one value does.
fn has_a_second_form(data: &[u8]) {
    if let [6, flags, 0, 8, ..] = data {
        assert_eq!(*flags, 0, "a second form");
    }
}

#[test]
fn a_decoder_that_reads_beyond_the_end_is_found() {
    let Finding { input, what } = finding_in(reads_beyond_the_end);
    assert!(what.contains("out of bounds"), "{what}");
    assert!(check(reads_beyond_the_end, &input).is_err(), "the finding repeats");
}

#[test]
fn a_decoder_that_trusts_a_count_is_found() {
    let Finding { what, .. } = finding_in(trusts_a_count);
    assert!(what.starts_with("held "), "{what}");
}

#[test]
fn a_decoder_with_a_second_form_is_found() {
    assert!(finding_in(has_a_second_form).what.contains("a second form"));
}

#[test]
fn the_same_seed_finds_the_same_input() {
    assert_eq!(
        run(reads_beyond_the_end, &seeds(), 7, BUDGET),
        run(reads_beyond_the_end, &seeds(), 7, BUDGET)
    );
}

#[test]
fn a_target_that_holds_uses_the_whole_budget() {
    let outcome = run(|_| (), &seeds(), 1, BUDGET);
    assert_eq!((outcome.iterations, outcome.finding), (BUDGET.iterations, None));
}
