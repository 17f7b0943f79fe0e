//! A network of processes: the control plane, and four nodes in a row.
//!
//! ```text
//! source ──tcp── a ──tcp── b ──tcp── destination
//! ```

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use byway_api::transport_discovery::{ListTransports, TransportState, TransportView, TransportsQuery};
use byway_app_sdk::LocalNode;
use byway_base::{Problem, PublicKey, SecretKey};
use byway_http::client::Client;
use byway_testkit::{Launch, Postgres, Process, programs, wait::until};
use tempfile::TempDir;

use crate::PATIENCE;

/// The services, in an order in which each finds those that it needs.
pub const CONTROL_PLANE: [&str; 6] = [
    "transport-discovery",
    "messaging-discovery",
    "messaging-server-1",
    "messaging-server-2",
    "route-finder",
    "setup-node",
];
/// The nodes, in the order of a path over all of them.
pub const NODES: [&str; 4] = ["source", "a", "b", "destination"];

/// What there is a program for.
const ROLES: [&str; 6] =
    ["transport-discovery", "messaging-discovery", "messaging-server", "route-finder", "setup-node", "node"];

/// A running network. Dropping it kills every process and removes what they wrote.
pub struct Network {
    processes: BTreeMap<&'static str, Process>,
    programs: Programs,
    /// Where the registries are; in files of their services without it.
    postgres: Option<Arc<Postgres>>,
    directory: TempDir,
}

/// The paths of the programs.
struct Programs(BTreeMap<&'static str, PathBuf>);

impl Programs {
    fn build() -> Self {
        let names = ROLES.map(|role| format!("byway-{role}"));
        let built = programs(names.each_ref().map(String::as_str));
        Self(ROLES.into_iter().zip(built).collect())
    }

    fn launch(&self, role: &str, name: &str, directory: &Path) -> Launch {
        Launch::new(name, &self.0[role], directory)
    }
}

impl Network {
    /// Starts every process on free ports and waits until all are ready and all transports are known to be up.
    pub async fn start(postgres: Option<Arc<Postgres>>) -> Self {
        let directory = tempfile::tempdir().expect("tests may write temporary files");
        let mut network =
            Self { processes: BTreeMap::new(), programs: Programs::build(), postgres, directory };
        for name in CONTROL_PLANE {
            let launch = network.service(name);
            network.processes.insert(name, launch.start().await);
        }
        // Those who are dialled first, since their addresses are needed by the others.
        for (i, name) in NODES.into_iter().enumerate().rev() {
            let launch = network.node_launch(name, NODES.get(i + 1).copied());
            network.processes.insert(name, launch.start().await);
        }
        network.recovered().await;
        network
    }

    fn service(&self, name: &'static str) -> Launch {
        let role = name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit());
        let launch = self.programs.launch(role, name, self.directory.path());
        match role {
            "transport-discovery" | "messaging-discovery" => self.with_store(launch),
            "route-finder" => launch.set("transport_discovery", self.url("transport-discovery")),
            _ => launch.set("messaging_discovery", self.url("messaging-discovery")),
        }
    }

    fn with_store(&self, launch: Launch) -> Launch {
        let Some(postgres) = &self.postgres else { return launch };
        let database = postgres.database().expect("a running server creates databases");
        launch.env("BYWAY_STORE_URL", postgres.url(&database))
    }

    fn node_launch(&self, name: &str, next: Option<&str>) -> Launch {
        let finder = format!("{}@{}", self.process("route-finder").key(), self.url("route-finder"));
        let launch = self
            .programs
            .launch("node", name, self.directory.path())
            .set("transport_discovery", self.url("transport-discovery"))
            .set("route_finder", finder)
            .set("messaging_discovery", self.url("messaging-discovery"))
            .set("trusted_setup_nodes", self.process("setup-node").key().to_string());
        match next {
            None => launch,
            Some(next) => {
                let next = self.process(next);
                launch.set("transports", format!("tcp:{}@{}", next.key(), next.address("tcp")))
            }
        }
    }

    /// A process by name.
    #[must_use]
    pub fn process(&self, name: &str) -> &Process {
        self.processes.get(name).unwrap_or_else(|| panic!("no process is called {name}"))
    }

    /// A process by name, to be killed or started again.
    pub fn process_mut(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).unwrap_or_else(|| panic!("no process is called {name}"))
    }

    /// The base URL of a service.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}", self.process(name).address("http"))
    }

    /// Calls a service as whoever has `secret`; its replies must be signed by the service's key.
    #[must_use]
    pub fn client(&self, name: &str, secret: SecretKey) -> Client {
        let key = Some(self.process(name).key());
        Client::new(&self.url(name), Some(secret), key).expect("the URL is one of this network")
    }

    /// The local API of a node.
    #[must_use]
    pub fn node(&self, name: &str) -> LocalNode {
        LocalNode::at(self.process(name).address("socket"))
    }

    /// The key of a process.
    #[must_use]
    pub fn key(&self, name: &str) -> PublicKey {
        self.process(name).key()
    }

    /// Kills several processes with signal 9 before any of them is started again.
    pub fn kill9(&mut self, names: &[&str]) {
        for name in names {
            self.process_mut(name).kill9();
        }
    }

    /// Starts killed processes again, on the addresses that they had.
    pub async fn restart(&mut self, names: &[&str]) {
        for name in names {
            self.process_mut(name).restart().await;
        }
    }

    /// Waits until every process is ready without a complaint, and transport discovery has every transport up. Nothing
    /// is done for it.
    pub async fn recovered(&self) {
        for process in self.processes.values() {
            process.ready(PATIENCE).await;
        }
        let all_up = async || {
            let transports = self.transports().await.map_err(|problem| problem.to_string())?;
            let up = transports.iter().filter(|view| view.state == TransportState::Up).count();
            (up == NODES.len() - 1).then_some(()).ok_or_else(|| format!("{up} are up: {transports:?}"))
        };
        until("registered transports", PATIENCE, all_up).await;
    }

    /// What transport discovery lists.
    ///
    /// # Errors
    /// What it answered instead.
    pub async fn transports(&self) -> Result<Vec<TransportView>, Problem> {
        let client = self.client("transport-discovery", SecretKey::from_seed([7; 32]));
        Ok(client.call::<ListTransports>((), TransportsQuery::default(), ()).await?.items)
    }
}
