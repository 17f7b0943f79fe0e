//! Nodes of the overlay, each a container of the shipped image.

use std::time::Duration;

use serde_json::Value;

use crate::{
    command::{Failure, until},
    network::Network,
};

/// Time for a node to join the network.
const READY: Duration = Duration::from_secs(60);

/// A running node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Its container.
    pub(crate) container: String,
    /// Its public key.
    pub(crate) key: String,
}

/// A network between two nodes, with nothing else on it.
pub(crate) fn wire(network: &Network, name: &str) -> Result<String, Failure> {
    let name = network.named(name);
    network.docker(&["network", "create", "--internal", "--label", &network.label(), &name])?;
    Ok(name)
}

impl Node {
    /// Starts a node on the services' network and on these wires, and waits until it has joined.
    pub(crate) fn start(
        network: &Network,
        name: &str,
        wires: &[&str],
        settings: &[String],
    ) -> Result<Self, Failure> {
        let (container, label) = (network.named(name), network.label());
        let (services, public) =
            (network.named("network"), format!("{}:/network/public:ro", network.named("public")));
        let mut words = vec!["create", "--name", &container, "--label", &label, "--network", &services];
        words.extend([
            "--volume",
            &public,
            "--volume",
            "/var/lib/byway",
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--cap-drop",
            "ALL",
        ]);
        words.extend(["--security-opt", "no-new-privileges:true", "--init", "byway:local"]);
        words.extend(["up", "--config", "/network/public/node.toml", "--set", "listen=0.0.0.0:9070"]);
        words.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        network.docker(&words)?;
        for wire in wires {
            network.docker(&["network", "connect", wire, &container])?;
        }
        network.docker(&["start", &container])?;
        let node = Self { container, key: String::new() };
        let key = until(&format!("{name} started"), READY, || {
            let key = node.json(network, &["whoami"])?["key"].as_str().map(str::to_owned);
            key.ok_or_else(|| Failure::new("read the node's key", "it says none"))
        })?;
        node.byway(network, &["wait", "--ready"])?;
        Ok(Self { key, ..node })
    }

    /// Where the node is on a wire.
    pub(crate) fn address(&self, network: &Network, wire: &str) -> Result<String, Failure> {
        let format = format!("{{{{(index .NetworkSettings.Networks {wire:?}).IPAddress}}}}");
        let address = network.docker(&["inspect", "--format", &format, &self.container])?;
        Ok(address.trim().to_owned())
    }

    /// Runs `byway` in the node's container.
    pub(crate) fn byway(&self, network: &Network, words: &[&str]) -> Result<String, Failure> {
        network.docker(&[&["exec", &self.container, "/usr/bin/byway"], words].concat())
    }

    /// The same, going on until the network is removed.
    pub(crate) fn byway_on(&self, network: &Network, words: &[&str]) -> Result<(), Failure> {
        network.docker(&[&["exec", "--detach", &self.container, "/usr/bin/byway"], words].concat()).map(drop)
    }

    /// What a command prints as JSON.
    pub(crate) fn json(&self, network: &Network, words: &[&str]) -> Result<Value, Failure> {
        let text = self.byway(network, &[words, &["--output", "json"]].concat())?;
        serde_json::from_str(&text).map_err(|error| Failure::new(format_args!("read {text}"), error))
    }
}
