//! Who reaches a service, and what of the machine it reaches.

use std::net::IpAddr;

use super::Rule;
use crate::file::{Compose, Service, at_defaults, variables};

/// Ports that are for the network of the containers alone, beside what a service sets: none is told by a variable.
const ADMIN: &str = "BYWAY_ADMIN_LISTEN";
/// From where files may be mounted, read-only.
const OWN_FILES: &str = "./deploy/";

pub(super) const RULES: &[Rule] = &[
    Rule { sentence: "it has no name that a second project would want too", breach: name },
    Rule { sentence: "its image can be replaced by a variable", breach: image },
    Rule { sentence: "what it keeps is in named volumes", breach: volumes },
    Rule { sentence: "it is published on this machine only, unless `.env` says otherwise", breach: ports },
    Rule { sentence: "its admin listener is not published", breach: admin },
    Rule { sentence: "its networks are declared and take any free addresses", breach: networks },
    Rule { sentence: "it starts without anything being set", breach: settable },
];

fn name(_: &Compose, service: &Service<'_>) -> Option<String> {
    let fixed = ["container_name", "hostname"].into_iter().find(|key| !service.get(key).is_null());
    fixed.map(|key| format!("it has {key}"))
}

fn image(_: &Compose, service: &Service<'_>) -> Option<String> {
    let image = service.get("image").as_str().unwrap_or_default();
    let replaceable = image.starts_with("${BYWAY_") && variables(image).iter().all(|(_, it)| it.is_some());
    // An image without a version is another one tomorrow.
    let fixed = at_defaults(image).rsplit_once(':').is_some_and(|(_, tag)| tag != "latest");
    (!replaceable || !fixed).then(|| format!("its image is '{image}'"))
}

fn volumes(compose: &Compose, service: &Service<'_>) -> Option<String> {
    let declared = compose.section("volumes");
    let foreign = service.mounts().into_iter().find(|(source, _, read_only)| {
        let named = declared.iter().any(|(name, _)| name == source);
        let own_file = source.starts_with(OWN_FILES) && *read_only && !source.contains("..");
        !named && !own_file
    });
    foreign.map(|(source, ..)| format!("it mounts '{source}'"))
}

fn ports(_: &Compose, service: &Service<'_>) -> Option<String> {
    let open = service.ports().into_iter().find(|port| {
        let parts: Vec<_> = port.split(':').collect();
        let address = parts.first().and_then(|address| address.parse::<IpAddr>().ok());
        parts.len() != 3 || !address.is_some_and(|address| address.is_loopback())
    });
    open.map(|port| format!("it publishes {port}"))
}

fn admin(_: &Compose, service: &Service<'_>) -> Option<String> {
    let listen = service.environment().into_iter().find(|(name, _)| name == ADMIN).map(|(_, value)| value);
    let Some(listen) = listen else {
        // One of ours that shows its state nowhere cannot be watched.
        let ours = at_defaults(service.get("image").as_str().unwrap_or_default()).starts_with("byway");
        let serves = !service.get("healthcheck").is_null();
        return (ours && serves).then(|| format!("{ADMIN} is not set"));
    };
    let own = listen.rsplit(':').next().unwrap_or_default().to_owned();
    let published = service.ports().into_iter().find(|port| {
        let inside = port.rsplit(':').next().unwrap_or_default();
        inside.split('/').next() == Some(own.as_str())
    });
    published.map(|port| format!("it publishes {port}"))
}

fn networks(compose: &Compose, service: &Service<'_>) -> Option<String> {
    let declared = compose.section("networks");
    let fixed = declared.iter().find(|(_, network)| !network["ipam"].is_null() || !network["name"].is_null());
    if let Some((name, _)) = fixed {
        return Some(format!("the network {name} has fixed addresses or a fixed name"));
    }
    let used = service.get("networks");
    if let Some(mode) = service.get("network_mode").as_str() {
        let shared = mode.strip_prefix("service:").is_some_and(|name| is_service(compose, name));
        return (!used.is_null() || (mode != "none" && !shared)).then(|| format!("its network is {mode}"));
    }
    let used = byway_deploy::yaml::texts(used);
    let undeclared = used.iter().find(|name| !declared.iter().any(|(known, _)| known == *name));
    match undeclared {
        Some(name) => Some(format!("the network {name} is not declared")),
        None => used.is_empty().then(|| "it is in the network of everything else".to_owned()),
    }
}

fn is_service(compose: &Compose, name: &str) -> bool {
    compose.services().iter().any(|service| service.name == name)
}

/// Variables that are read where the whole file is, since they may stand anywhere.
fn settable(compose: &Compose, service: &Service<'_>) -> Option<String> {
    let first = compose.services().first().is_some_and(|first| first.name == service.name);
    let required = variables(&compose.text).into_iter().find(|(_, default)| default.is_none());
    required.filter(|_| first).map(|(name, _)| format!("{name} has no default"))
}
