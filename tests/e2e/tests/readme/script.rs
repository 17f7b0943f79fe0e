//! What the script of all tests runs, and what a fresh machine runs to get there.

use crate::steps::{Deed, MENTIONED, STEPS};

const SCRIPTS: [&str; 2] = [include_str!("../../../all"), include_str!("../../../../.ci/run")];

/// Whether a line runs the command, with whatever further arguments.
fn runs(line: &str, command: &str) -> bool {
    let mut words = line.split_whitespace();
    !line.trim_start().starts_with('#')
        && command.split_whitespace().all(|word| words.any(|found| found == word))
}

#[test]
fn a_line_runs_a_command_if_it_has_its_words_in_order() {
    assert!(runs("step \"x\" cargo run --locked --release -- demo --check", "cargo run --release -- demo"));
    assert!(!runs("cargo run --bin x", "cargo run --release") && !runs("# tests/all", "tests/all"));
}

#[test]
fn commands_that_take_long_are_run_by_the_script_of_all_tests() {
    let steps = STEPS.iter().chain(MENTIONED.iter().map(|(_, step)| step));
    for step in steps.filter(|step| matches!(step.deed, Deed::Scripted)) {
        let run = SCRIPTS.iter().flat_map(|script| script.lines()).any(|line| runs(line, step.line));
        assert!(run, "no script runs `{}`", step.line);
    }
}

#[test]
fn commands_for_a_container_engine_are_run_by_a_program_that_the_script_runs() {
    assert!(SCRIPTS[0].lines().any(|line| runs(line, "cargo run -p byway-containers")));
    let scenario = include_str!("../../../containers/src/network.rs");
    let demo = include_str!("../../../containers/src/scenario/demo.rs");
    for words in ["\"up\", \"--detach\"", "\"--profile\", profile"] {
        assert!(scenario.contains(words), "{words}");
    }
    assert!(demo.contains("http://bob.byway/bytes/{count}") && demo.contains("40000000"));
}
