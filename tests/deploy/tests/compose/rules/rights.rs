//! What a service may do on the machine.

use byway_deploy::yaml::texts;

use super::Rule;
use crate::file::{Compose, Service};

pub(crate) const USER: &str = "it runs as a user other than root";
pub(crate) const READ_ONLY: &str = "its file system is read-only";
pub(crate) const CAPABILITIES: &str = "it drops all capabilities";

pub(super) const RULES: &[Rule] = &[
    Rule { sentence: USER, breach: user },
    Rule { sentence: READ_ONLY, breach: read_only },
    Rule { sentence: CAPABILITIES, breach: capabilities },
    Rule { sentence: "it gains no privileges", breach: privileges },
    Rule { sentence: "its memory and its processes are limited", breach: limits },
    Rule { sentence: "its log is limited", breach: log },
    Rule { sentence: "its secrets are files", breach: secrets },
];

/// By number: a name is looked up in the image, where it may be anybody.
fn user(_: &Compose, service: &Service<'_>) -> Option<String> {
    let user = service.get("user").as_str().unwrap_or_default();
    let number = user.split(':').next().and_then(|user| user.parse::<u32>().ok());
    number.is_none_or(|number| number == 0).then(|| format!("its user is '{user}'"))
}

fn read_only(_: &Compose, service: &Service<'_>) -> Option<String> {
    (service.get("read_only") != true).then(|| "read_only is not true".to_owned())
}

fn capabilities(_: &Compose, service: &Service<'_>) -> Option<String> {
    let dropped = texts(service.get("cap_drop"));
    (dropped != ["ALL"] || !service.get("cap_add").is_null()).then(|| format!("it drops {dropped:?}"))
}

fn privileges(_: &Compose, service: &Service<'_>) -> Option<String> {
    let shared = ["pid", "ipc", "uts", "network_mode", "userns_mode"];
    let shared = shared.into_iter().find(|key| service.get(key) == "host");
    if service.get("privileged") == true || !service.get("devices").is_null() {
        Some("it is privileged, or has devices of the machine".to_owned())
    } else if let Some(key) = shared {
        Some(format!("{key} is that of the machine"))
    } else {
        let kept = texts(service.get("security_opt")).contains(&"no-new-privileges:true");
        (!kept).then(|| "security_opt lacks no-new-privileges:true".to_owned())
    }
}

fn limits(_: &Compose, service: &Service<'_>) -> Option<String> {
    let unlimited =
        service.get("mem_limit").is_null() || service.get("pids_limit").as_i64().unwrap_or(0) <= 0;
    unlimited.then(|| "mem_limit or pids_limit is missing".to_owned())
}

fn log(_: &Compose, service: &Service<'_>) -> Option<String> {
    let options = &service.get("logging")["options"];
    (!options["max-size"].is_string() || !options["max-file"].is_string())
        .then(|| "max-size or max-file is missing".to_owned())
}

/// A variable shows in `docker inspect` and in every child process.
fn secrets(_: &Compose, service: &Service<'_>) -> Option<String> {
    let secret = |(name, value): &(String, String)| {
        let tells = ["PASSWORD", "SECRET", "TOKEN", "STORE_URL"].iter().any(|word| name.contains(word));
        let is_file = name.ends_with("_FILE") || name.ends_with("__FILE");
        let in_url = value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
        (tells && !is_file) || in_url
    };
    service.environment().into_iter().find(secret).map(|(name, _)| format!("{name} is in its environment"))
}
