//! What Compose v1.29 and v2 read alike.
//!
//! A key that is not listed here is not known to mean the same to both; whoever adds one has looked it up.

use crate::file::{Compose, Service};

const TOP: &[&str] = &["services", "networks", "volumes", "secrets"];
const SERVICE: &[&str] = &[
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "init",
    "logging",
    "mem_limit",
    "network_mode",
    "networks",
    "pids_limit",
    "ports",
    "profiles",
    "read_only",
    "restart",
    "secrets",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "sysctls",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
];
const BUILD: &[&str] = &["args", "context", "dockerfile", "target"];
const HEALTHCHECK: &[&str] = &["interval", "retries", "start_period", "test", "timeout"];
const DEPENDENCY: &[&str] = &["condition"];

/// Everything that only one of them may understand.
pub(crate) fn differences(compose: &Compose) -> Vec<String> {
    let top = compose.root.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let unknown = top.filter(|key| !key.starts_with("x-") && !TOP.contains(key));
    let mut found: Vec<String> = unknown.map(|key| format!("the file has {key}")).collect();
    for service in compose.services() {
        found.extend(of_service(&service).into_iter().map(|what| format!("{} {what}", service.name)));
    }
    found
}

fn of_service(service: &Service<'_>) -> Vec<String> {
    let mut found = unlisted(&service.keys(), SERVICE, "has");
    for (section, listed) in [("build", BUILD), ("healthcheck", HEALTHCHECK)] {
        let keys = service.get(section).as_object().into_iter().flatten();
        let keys: Vec<_> = keys.map(|(key, _)| key.as_str()).collect();
        found.extend(unlisted(&keys, listed, &format!("has in {section}")));
    }
    for (on, how) in service.get("depends_on").as_object().into_iter().flatten() {
        let keys: Vec<_> = how.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        found.extend(unlisted(&keys, DEPENDENCY, &format!("has in depends_on.{on}")));
    }
    // The long forms differ in what may stand in them.
    for section in ["ports", "volumes", "secrets", "networks"] {
        let entries = service.get(section).as_array().into_iter().flatten();
        found.extend(
            entries.filter(|it| !it.is_string()).map(|it| format!("has a long form in {section}: {it}")),
        );
    }
    found
}

fn unlisted(keys: &[&str], listed: &[&str], what: &str) -> Vec<String> {
    keys.iter().filter(|key| !listed.contains(key)).map(|key| format!("{what} {key}")).collect()
}

#[test]
fn what_only_one_of_them_understands_is_told() {
    let text = "name: x\nservices:\n  a:\n    gpus: all\n    build: {context: ., cache_to: [x]}\n    \
        depends_on: {b: {condition: service_started, required: false}}\n    ports: [{target: 1}]\n";
    let found = differences(&Compose::parse(text).unwrap());
    let expected = [
        "the file has name",
        "a has gpus",
        "a has in build cache_to",
        "a has in depends_on.b required",
        "a has a long form in ports: {\"target\":1}",
    ];
    assert_eq!(found, expected);
}
