//! How a service begins, lives and ends.

use byway_deploy::yaml::texts;

use super::Rule;
use crate::file::{Compose, Service};

/// Seconds within which a service of ours has drained: `DRAIN_TIMEOUT`, and some for ending.
const DRAIN_S: u64 = 25;
/// What would need a shell, or something else that an image without one lacks.
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

pub(crate) const INIT: &str = "an init reaps what it leaves behind";
pub(crate) const HEALTH: &str = "its health is checked without a shell";
pub(crate) const DEPENDENCIES: &str = "it waits for a state of what it depends on";

pub(super) const RULES: &[Rule] = &[
    Rule { sentence: INIT, breach: init },
    Rule { sentence: "it has time to drain", breach: grace },
    Rule { sentence: "it is started again, or is a job that ends", breach: restart },
    Rule { sentence: HEALTH, breach: health },
    Rule { sentence: DEPENDENCIES, breach: dependencies },
    Rule { sentence: "its profile is one that the documents name", breach: profile },
];

fn init(_: &Compose, service: &Service<'_>) -> Option<String> {
    (service.get("init") != true).then(|| "init is not true".to_owned())
}

fn grace(compose: &Compose, service: &Service<'_>) -> Option<String> {
    let written = service.get("stop_grace_period").as_str().unwrap_or_default();
    let seconds = written.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok());
    // What has an admin listener drains; the rest is to say how long it takes.
    let drains = service.environment().iter().any(|(name, _)| name == "BYWAY_ADMIN_LISTEN");
    let least = if drains { DRAIN_S } else { 1 };
    let enough = compose.is_job(service.name) || seconds.is_some_and(|seconds| seconds >= least);
    (!enough).then(|| format!("stop_grace_period is '{written}'"))
}

fn restart(compose: &Compose, service: &Service<'_>) -> Option<String> {
    let restart = service.get("restart").as_str();
    let expected = if compose.is_job(service.name) { None } else { Some("unless-stopped") };
    (restart != expected).then(|| format!("restart is {restart:?}"))
}

fn health(compose: &Compose, service: &Service<'_>) -> Option<String> {
    if compose.is_job(service.name) {
        return None;
    }
    let check = service.get("healthcheck");
    let test = texts(&check["test"]);
    let program = test.get(1).and_then(|program| program.rsplit('/').next()).unwrap_or_default();
    if test.first() != Some(&"CMD") || program.is_empty() || SHELLS.contains(&program) {
        return Some(format!("its test is {test:?}"));
    }
    let missing =
        ["interval", "timeout", "retries", "start_period"].into_iter().find(|key| check[key].is_null());
    missing.map(|key| format!("its healthcheck has no {key}"))
}

fn dependencies(compose: &Compose, service: &Service<'_>) -> Option<String> {
    let wanted = service.get("depends_on");
    if wanted.is_array() {
        return Some("depends_on is a list".to_owned());
    }
    let services = compose.services();
    let wrong = wanted.as_object().into_iter().flatten().find(|(on, how)| {
        let condition = how["condition"].as_str().unwrap_or_default();
        let state = if compose.is_job(on) { "service_completed_successfully" } else { "service_healthy" };
        condition != state || !services.iter().any(|service| service.name == on.as_str())
    });
    wrong.map(|(on, how)| format!("it waits for {on} with {how}"))
}

fn profile(_: &Compose, service: &Service<'_>) -> Option<String> {
    let known = ["demo", "observability"];
    let other = texts(service.get("profiles")).into_iter().find(|profile| !known.contains(profile));
    other.map(|profile| format!("its profile is {profile}"))
}
