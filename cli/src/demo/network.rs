//! The five nodes of the demonstration.
//!
//! ```text
//!                 n1 ──tcp── n2
//!        tcp ────┘             └──── messaging
//! alice ─┤                             ├─ bob
//!        tcp ──────── n3 ─────── messaging
//! ```
//! Alice and bob accept no connection, as behind NAT: alice dials out, bob is reached through messaging only, since his is a
//! NAT that nobody gets through.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use byway_base::{Code, Policy, Problem, PublicKey, SecretKey, TransportId, TransportType};
use byway_node::{Config, Node, PathChoice, ServiceAddress, Wanted};
use tokio::time::{Instant, sleep, timeout_at};

use super::services::Services;

/// Every node, in the order of the picture.
pub const NAMES: [&str; 5] = ["alice", "n1", "n2", "n3", "bob"];
/// Who keeps which transport to whom.
const TRANSPORTS: [(&str, &str, &str); 5] = [
    ("alice", "tcp", "n1"),
    ("n1", "tcp", "n2"),
    ("n2", "messaging", "bob"),
    ("alice", "tcp", "n3"),
    ("n3", "messaging", "bob"),
];
/// Nodes on the path that the demonstration begins with.
const FIRST_PATH: [&str; 4] = ["alice", "n1", "n2", "bob"];
/// How often what has no event is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The running network.
pub struct Network {
    /// The control plane.
    pub services: Services,
    nodes: BTreeMap<&'static str, Node>,
    keys: BTreeMap<String, PublicKey>,
}

impl Network {
    /// Starts services and nodes in a directory; returns once every transport is up, the route finder knows it, and the
    /// setup node can be asked. Says what it does through `progress`.
    ///
    /// # Errors
    /// What did not come up within `within`.
    pub async fn start(
        directory: &Path,
        within: Duration,
        progress: &impl Fn(&str),
    ) -> Result<Self, Problem> {
        let deadline = Instant::now() + within;
        progress("starting the control plane");
        let services = Box::pin(Services::start(directory)).await?;
        progress("starting five nodes");
        let secrets: BTreeMap<&str, SecretKey> =
            NAMES.into_iter().map(|name| (name, SecretKey::from_seed(rand::random()))).collect();
        let keys = secrets.iter().map(|(name, secret)| ((*name).to_owned(), secret.public())).collect();
        let mut network = Self { services, nodes: BTreeMap::new(), keys };
        // Those who are dialled first, since their addresses are needed by the others.
        for name in ["bob", "n3", "n2", "n1", "alice"] {
            let config = network.config(name, secrets[name].clone());
            network.nodes.insert(name, Node::start(config).await?);
        }
        progress("opening transports");
        network.transports_up(deadline).await?;
        progress("waiting for the route finder to know them");
        network.path_known(deadline).await?;
        // Nodes find the setup node by its contact record.
        network.services.setup_node.ready(deadline.saturating_duration_since(Instant::now())).await?;
        Ok(network)
    }

    fn config(&self, name: &str, secret: SecretKey) -> Config {
        let services = &self.services;
        let service = |url: String, key| Some(ServiceAddress { url, key });
        let mut config = Config::new(secret);
        let reachable = name.starts_with('n');
        config.listen = reachable.then(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        config.transport_discovery = service(services.transport_discovery.url(), None);
        config.route_finder = service(services.route_finder.url(), services.route_finder.key);
        config.messaging_discovery = vec![services.messaging_discovery.url()];
        config.trusted_setup_nodes = services.setup_node.key.into_iter().collect();
        config.petnames = self.keys.clone();
        // All nodes are on one machine, where a direct way is always found.
        config.traversal.enabled = false;
        let own = TRANSPORTS.iter().filter(|(from, ..)| *from == name);
        config.transports = own.map(|(_, kind, to)| self.wanted(kind, to)).collect();
        config
    }

    fn wanted(&self, kind: &str, to: &str) -> Wanted {
        let address = self.nodes.get(to).and_then(Node::listen_address).filter(|_| kind == "tcp");
        Wanted { kind: transport_type(kind), peer: self.keys[to], address: address.map(Into::into) }
    }

    async fn transports_up(&self, deadline: Instant) -> Result<(), Problem> {
        for (from, kind, to) in TRANSPORTS {
            let (node, peer, kind) = (&self.nodes[from], self.keys[to], transport_type(kind));
            let up = async {
                while !node.transports().iter().any(|info| info.peer == peer && info.kind == kind) {
                    node.transports_changed().await;
                }
            };
            let why = || format!("the {kind} transport between {from} and {to} did not come up");
            timeout_at(deadline, up).await.map_err(|_| not_ready(why()))?;
        }
        Ok(())
    }

    /// Both paths, the one through n1 and n2 and the one through n3.
    async fn path_known(&self, deadline: Instant) -> Result<(), Problem> {
        let bob = self.keys["bob"];
        let known = async {
            loop {
                let found = self.nodes["alice"].find_paths(bob, &Policy::default(), 2, false).await;
                if found.is_ok_and(|reply| reply.paths.len() == 2) {
                    return;
                }
                sleep(LOOK_AGAIN).await;
            }
        };
        timeout_at(deadline, known)
            .await
            .map_err(|_| not_ready("the route finder does not know both paths".to_owned()))
    }

    /// The node of a name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// The nodes that live.
    pub fn nodes(&self) -> impl Iterator<Item = (&'static str, &Node)> {
        self.nodes.iter().map(|(name, node)| (*name, node))
    }

    /// The key of a name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<PublicKey> {
        self.keys.get(name).copied()
    }

    /// The name of a key; a short form of the key if it has none.
    #[must_use]
    pub fn name(&self, key: &PublicKey) -> String {
        let named = self.keys.iter().find(|(_, named)| *named == key);
        named.map_or_else(|| key.short(), |(name, _)| name.clone())
    }

    /// The path alice → n1 → n2 → bob first; spares as the route finder says.
    #[must_use]
    pub fn first_path(&self) -> PathChoice {
        let hop = |pair: &[&str]| {
            let wanted = TRANSPORTS.iter().find(|(from, _, to)| [*from, *to] == *pair);
            let kind = wanted.map_or("tcp", |(_, kind, _)| kind);
            TransportId::derive(&self.keys[pair[0]], &self.keys[pair[1]], &transport_type(kind))
        };
        PathChoice::first(FIRST_PATH.windows(2).map(hop).collect(), &Policy::default())
    }

    /// Ends a node at once, as a crash would. False if there is none of that name.
    pub fn kill(&mut self, name: &str) -> bool {
        let node = self.nodes.iter().find(|(known, _)| **known == name).map(|(known, _)| *known);
        let removed = node.and_then(|name| self.nodes.remove(name));
        removed.as_ref().inspect(|node| node.kill());
        removed.is_some()
    }

    /// Ends everything.
    pub async fn stop(self) {
        let stopping = self.nodes.values().map(Node::stop);
        futures_util::future::join_all(stopping).await;
        self.services.stop().await;
    }
}

fn transport_type(name: &str) -> TransportType {
    TransportType::new(name).expect("the names in this file are valid")
}

fn not_ready(why: String) -> Problem {
    Problem::new(Code::NotReady, "cannot start the demonstration", why)
}
