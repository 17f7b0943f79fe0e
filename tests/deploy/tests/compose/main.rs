//! The compose file and the Dockerfile keep the rules for what runs in containers.
//!
//! - [`file`]: the compose file as its readers take it. [`rules`]: what each service of it must be.
//! - [`alike`]: what both generations of the compose tool read alike. [`dockerfile`]: the image's rules.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod alike;
mod dockerfile;
mod file;
mod rules;

use byway_deploy::{Tool, read, root, run};

use crate::file::Compose;

fn shipped() -> Compose {
    Compose::parse(&read("docker-compose.yml")).unwrap()
}

/// Fails with all breaches, one a line.
fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_service_of_the_compose_file_keeps_every_rule() {
    let breaches = rules::breaches(&shipped());
    let excused =
        |breach: &&rules::Breach| rules::EXCEPTIONS.iter().any(|exception| exception.excuses(breach));
    let left: Vec<_> = breaches.iter().filter(|breach| !excused(breach)).map(ToString::to_string).collect();
    assert_none(&left);
}

#[test]
fn every_exception_is_needed() {
    let breaches = rules::breaches(&shipped());
    assert_none(
        &rules::EXCEPTIONS.iter().flat_map(|exception| exception.needless(&breaches)).collect::<Vec<_>>(),
    );
}

#[test]
fn both_generations_of_the_compose_tool_read_the_file_alike() {
    assert_none(&alike::differences(&shipped()));
}

#[test]
fn the_compose_tool_accepts_the_file_with_every_profile() {
    let Some(mut compose) = Tool::COMPOSE.command_or_skip() else { return };
    let profiles = shipped().profiles();
    compose.current_dir(root()).args(["--file", "docker-compose.yml"]);
    for profile in &profiles {
        compose.args(["--profile", profile]);
    }
    run(compose.args(["config", "--quiet"]));
}

#[test]
fn the_dockerfile_keeps_every_rule() {
    assert_none(&dockerfile::breaches(&read("deploy/Dockerfile")));
}
