//! The README is true: every command in it is typed as it stands there, on the default ports, and does what is said.
//!
//! Whoever writes a command into the README says in [`steps`] what it is expected to do; one that nobody runs is a
//! failure.
//!
//! - [`page`]: the README's blocks and commands. [`steps`]: the table of these commands.
//! - [`scene`]: a reader who goes from top to bottom, at [`terminal`]s. [`web`]: the server that bob exposes.
//! - [`example`]: the example in Rust. [`script`]: what the script of all tests runs instead. [`skip`]: what may lack.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod example;
mod page;
mod scene;
mod script;
mod skip;
mod steps;
mod terminal;
mod web;

use byway_testkit::skipped;
use scene::Scene;
use skip::Skip;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_does_what_the_readme_says() {
    let followed = async { Scene::start().await?.follow(page::TEXT).await };
    if let Err(Skip(why)) = followed.await {
        skipped(format_args!("the README cannot be followed here: {why}"));
    }
}

#[test]
fn the_example_in_rust_is_the_one_that_is_compiled() {
    let blocks = page::blocks(page::TEXT);
    let shown: Vec<_> = blocks.iter().filter(|block| block.language == "rust").collect();
    assert_eq!(shown.iter().map(|block| block.text.as_str()).collect::<Vec<_>>(), [example::shown()]);
}
