//! The shipped image and compose file on a real container engine: built, started, used, broken and healed.
//!
//! Base images that no registry gives are stood in for by images of Debian's packages (`bases/`). Everything made here
//! has a project name of its own and is removed at the end, whatever happened.

mod bases;
mod bytes;
mod command;
mod engine;
mod network;
mod node;
mod scenario;

use std::{env, path::PathBuf, process::ExitCode, time::Instant};

use byway_testkit::skipped;

use crate::{
    command::Failure,
    engine::Engine,
    network::{Network, Settings},
    scenario::STEPS,
};

/// Set to `1` where an engine must not be missing, so that its absence is a failure.
const REQUIRE: &str = "BYWAY_TEST_REQUIRE_DOCKER";
/// Where base images are kept between runs.
const CACHE: &str = "BYWAY_TEST_CONTAINER_CACHE";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        // What this program is inside of containers: an app that sends, and one that receives.
        ["serve", listen] => bytes::serve(listen),
        ["fetch", from, count, rate] => bytes::fetch(from, count, rate),
        [] => all_steps(true),
        // With the image `byway:local` as it is.
        ["--no-build"] => all_steps(false),
        _ => Err(Failure::new("read the arguments", "they are none, or --no-build")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("FAILED: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn all_steps(build: bool) -> Result<(), Failure> {
    let engine = match Engine::find() {
        Ok(engine) => engine,
        Err(why) if env::var(REQUIRE).as_deref() != Ok("1") => {
            skipped(format_args!("containers: {why}"));
            return Ok(());
        }
        Err(why) => return Err(why),
    };
    let settings = step("base images are made of Debian's packages", || bases::make(&cache()))?;
    let network = Network::new(engine, Settings::new(&settings)?);
    let outcome = run(&network, build);
    if outcome.is_err() {
        say(&network.logs());
    }
    step("everything is taken down", || network.remove())?;
    outcome
}

fn run(network: &Network, build: bool) -> Result<(), Failure> {
    if build {
        step("the image is built from the shipped file", || network.build())?;
    }
    for (sentence, act) in STEPS {
        step(sentence, || act(network))?;
    }
    Ok(())
}

fn step<T>(sentence: &str, act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let begun = Instant::now();
    let result = act().map_err(|failure| failure.during(sentence))?;
    say(&format!("ok  {sentence} ({:.0} s)", begun.elapsed().as_secs_f64()));
    Ok(result)
}

fn cache() -> PathBuf {
    let given = env::var_os(CACHE).map(PathBuf::from);
    let home = || env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".cache");
    let default = || env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("byway/containers");
    given.unwrap_or_else(default)
}

#[expect(clippy::print_stdout, reason = "it is what this program is for")]
fn say(text: &str) {
    println!("{text}");
}
