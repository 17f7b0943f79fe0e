//! The services that have endpoints, as processes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use byway_api::transport_discovery::{PutTransport, TransportPath};
use byway_base::{SecretKey, TransportType};
use byway_clock::unix_now;
use byway_http::client::Client;
use byway_testkit::{Launch, Postgres, Process, programs};
use byway_wire::TransportEntry;
use tempfile::TempDir;

use crate::Upstream;

/// Time for a service to become ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// In the order of their start: each needs only those before it.
const ROLES: [&str; 6] =
    ["transport-discovery", "messaging-discovery", "messaging-server", "route-finder", "setup-node", "node"];

/// Who signs. The setup node takes it for an administrator, and a transport of its own is registered.
#[must_use]
pub fn signer() -> SecretKey {
    SecretKey::from_seed([250; 32])
}

/// One process of each service, and a node without transports. Dropping it kills them and removes what they wrote.
pub struct Scene {
    processes: BTreeMap<&'static str, Process>,
    /// What the processes need for as long as they run.
    postgres: Option<Arc<Postgres>>,
    directory: TempDir,
}

impl Scene {
    /// Starts all of them and waits until they can answer. The registries are in files, or on `postgres`.
    ///
    /// # Panics
    /// If one does not start.
    pub async fn start(postgres: Option<Arc<Postgres>>) -> Self {
        let directory = tempfile::tempdir().expect("tests may write temporary files");
        let built = programs(ROLES.map(|role| format!("byway-{role}")).each_ref().map(String::as_str));
        let mut scene = Self { processes: BTreeMap::new(), postgres, directory };
        for (role, program) in ROLES.into_iter().zip(&built) {
            let launch = Launch::new(role, program, scene.directory.path());
            let process = scene.configure(role, launch).start().await;
            scene.processes.insert(role, process);
        }
        for role in ["transport-discovery", "messaging-discovery", "route-finder", "setup-node"] {
            scene.process(role).ready(PATIENCE).await;
        }
        scene.register().await;
        scene
    }

    fn configure(&self, role: &str, launch: Launch) -> Launch {
        let url = |role| format!("http://{}", self.process(role).address("http"));
        match role {
            "transport-discovery" | "messaging-discovery" => match &self.postgres {
                None => launch,
                Some(server) => {
                    let database = server.database().expect("a running server creates databases");
                    launch.env("BYWAY_STORE_URL", server.url(&database))
                }
            },
            "route-finder" => launch.set("transport_discovery", url("transport-discovery")),
            "setup-node" => launch
                .set("messaging_discovery", url("messaging-discovery"))
                .set("administrators", signer().public().to_string()),
            "node" => launch
                .set("transport_discovery", url("transport-discovery"))
                .set(
                    "route_finder",
                    format!("{}@{}", self.process("route-finder").key(), url("route-finder")),
                )
                .set("messaging_discovery", url("messaging-discovery"))
                .set("trusted_setup_nodes", self.process("setup-node").key().to_string()),
            _ => launch.set("messaging_discovery", url("messaging-discovery")),
        }
    }

    /// Registers a transport, so that listings and look-ups have something to show.
    async fn register(&self) {
        let (one, other) = (signer(), SecretKey::from_seed([251; 32]));
        let kind: TransportType = "tcp".parse().expect("it is the name of a type");
        let entry = TransportEntry::new(one.public(), other.public(), kind, unix_now());
        let path = TransportPath { id: entry.id() };
        let signatures = [entry.sign(&one), entry.sign(&other)];
        let signed = entry.with_signatures(&one.public(), signatures[0], signatures[1]);
        let url = format!("http://{}", self.process("transport-discovery").address("http"));
        let client = Client::new(&url, Some(one), None).expect("the URL is one of this scene");
        client.call::<PutTransport>(path, (), signed).await.expect("both edges signed the entry");
    }

    /// A process by its service's name.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn process(&self, role: &str) -> &Process {
        self.processes.get(role).unwrap_or_else(|| panic!("there is no {role}"))
    }

    /// Where the admin listener of a service is.
    #[must_use]
    pub fn admin(&self, role: &str) -> Upstream {
        Upstream::Tcp(self.process(role).address("admin").to_owned())
    }

    /// Where the endpoints of a service are.
    #[must_use]
    pub fn upstream(&self, role: &str) -> Upstream {
        match role {
            "node" => Upstream::Unix(self.process(role).address("socket").into()),
            _ => Upstream::Tcp(self.process(role).address("http").to_owned()),
        }
    }
}
