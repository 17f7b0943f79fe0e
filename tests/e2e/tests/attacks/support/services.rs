//! The control plane in this process, each service on a free port of loopback, and nodes that use it.

use std::{net::SocketAddr, path::Path, time::Duration};

use byway_base::{Policy, Problem, PublicKey, SecretKey, TransportId, TransportType};
use byway_clock::Clock;
use byway_http::client::Client;
use byway_messaging_client::ServerAddress;
use byway_messaging_discovery::MessagingDiscovery;
use byway_messaging_server::MessagingServer;
use byway_node::{Config, Node, ServiceAddress, Wanted};
use byway_route_finder::RouteFinder;
use byway_service_kit::{Health, Loader, Service, Shutdown};
use byway_setup_node::SetupNode;
use byway_testkit::wait::until;
use byway_transport_discovery::TransportDiscovery;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};

use super::{PATIENCE, hand::listed, key, secret};

/// How often registries look for leases that are over: what a test that moves their clock waits for.
const SWEEP: Duration = Duration::from_millis(10);

/// A service that runs.
pub(crate) struct Running {
    pub(crate) key: PublicKey,
    pub(crate) address: SocketAddr,
    pub(crate) health: Health,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Problem>>,
}

impl Running {
    /// Starts a service with the settings of a fresh installation, but for `settings`.
    pub(crate) async fn start<S: Service>(directory: &Path, settings: &[(&str, String)]) -> Self {
        Self::of(S::bind(config_of::<S>(directory, settings)).await.unwrap())
    }

    /// Serves what is bound.
    pub(crate) fn of<S: Service>(service: S) -> Self {
        let (health, key) = (service.health(), service.identity().unwrap());
        let address = service.addresses()[0].1.parse().unwrap();
        let shutdown = Shutdown::new(Duration::from_secs(2));
        let task = tokio::spawn(service.serve(shutdown.clone()));
        Self { key, address, health, shutdown, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A caller that signs with `secret`, and believes only this service.
    pub(crate) fn client(&self, secret: &SecretKey) -> Client {
        Client::new(&self.url(), Some(secret.clone()), Some(self.key)).unwrap()
    }

    pub(crate) async fn ready(&self) {
        let ready = timeout(PATIENCE, self.health.ready()).await;
        ready.unwrap_or_else(|_| panic!("never ready: {:?}", self.health.report().checks));
    }

    /// Ends it as SIGTERM would.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        // It ends within its drain time or is cut off; either is fine here.
        let _ = timeout(PATIENCE, self.task).await;
    }
}

/// The settings of a fresh installation in `directory`, but for `settings`.
pub(crate) fn config_of<S: Service>(directory: &Path, settings: &[(&str, String)]) -> S::Config {
    let data_dir = directory.join(S::NAME).display().to_string();
    let listen =
        settings.iter().all(|(key, _)| *key != "listen").then_some(("listen", "127.0.0.1:0".to_owned()));
    let settings = settings.iter().chain(&listen);
    let loader = Loader::new(S::NAME).flag("data_dir", data_dir);
    let loader = settings.fold(loader, |loader, (key, value)| loader.flag(*key, value.clone()));
    let loaded = loader.load::<S::Raw>().unwrap();
    S::configure(loaded.config, &loaded.common).unwrap()
}

/// The control plane, but for a setup node, which tests start or play themselves.
pub(crate) struct Plane {
    pub(crate) directory: TempDir,
    pub(crate) transport_discovery: Running,
    pub(crate) messaging_discovery: Running,
    pub(crate) messaging_server: Running,
    pub(crate) route_finder: Running,
}

impl Plane {
    pub(crate) async fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), Clock::system()).await
    }

    /// In a directory, which may hold keys already, with registries that go by `clock`.
    pub(crate) async fn start_with(directory: TempDir, clock: Clock) -> Self {
        let path = directory.path();
        let mut transports = config_of::<TransportDiscovery>(path, &[]);
        (transports.clock, transports.sweep_interval) = (clock.clone(), SWEEP);
        let mut records = config_of::<MessagingDiscovery>(path, &[]);
        (records.clock, records.sweep_interval) = (clock, SWEEP);
        let (transport_discovery, messaging_discovery) =
            tokio::join!(TransportDiscovery::bind(transports), MessagingDiscovery::bind(records));
        let transport_discovery = Running::of(transport_discovery.unwrap());
        let messaging_discovery = Running::of(messaging_discovery.unwrap());
        let messaging = [("messaging_discovery", messaging_discovery.url())];
        let discovery = [("transport_discovery", transport_discovery.url())];
        let (messaging_server, route_finder) = tokio::join!(
            Running::start::<MessagingServer>(path, &messaging),
            Running::start::<RouteFinder>(path, &discovery),
        );
        Self { directory, transport_discovery, messaging_discovery, messaging_server, route_finder }
    }

    /// A setup node that can be reached.
    pub(crate) async fn setup_node(&self) -> Running {
        let settings = [
            ("messaging_discovery", self.messaging_discovery.url()),
            ("administrators", key(250).to_string()),
        ];
        let running = Running::start::<SetupNode>(self.directory.path(), &settings).await;
        running.ready().await;
        running
    }

    /// Where the messaging server is.
    pub(crate) fn server(&self) -> ServerAddress {
        ServerAddress { key: self.messaging_server.key, address: self.messaging_server.address }
    }

    /// How the node of a seed is configured: reachable, a user of this plane, obedient to `setup_nodes`.
    pub(crate) fn node_config(&self, seed: u8, setup_nodes: &[PublicKey]) -> Config {
        let service = |running: &Running| Some(ServiceAddress { url: running.url(), key: Some(running.key) });
        let mut config = Config::new(secret(seed));
        config.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.transport_discovery = service(&self.transport_discovery);
        config.route_finder = service(&self.route_finder);
        config.messaging_discovery = vec![self.messaging_discovery.url()];
        config.messaging_servers = vec![self.server()];
        config.trusted_setup_nodes = setup_nodes.to_vec();
        config.drain = Duration::from_secs(2);
        config
    }

    /// The node of a seed, without transports; others find it.
    pub(crate) async fn node(&self, seed: u8, setup_nodes: &[PublicKey]) -> Node {
        let node = Node::start(self.node_config(seed, setup_nodes)).await.unwrap();
        listed(node.messaging()).await;
        node
    }

    /// The nodes of `seeds`, in this order in a row of `tcp` transports that transport discovery knows.
    pub(crate) async fn row(&self, seeds: &[u8], setup_nodes: &[PublicKey]) -> Vec<Node> {
        let mut nodes: Vec<Node> = Vec::new();
        for seed in seeds.iter().rev() {
            let mut config = self.node_config(*seed, setup_nodes);
            config.transports = nodes.last().map(tcp_to).into_iter().collect();
            nodes.push(Node::start(config).await.unwrap());
        }
        nodes.reverse();
        for node in &nodes {
            listed(node.messaging()).await;
        }
        if let [first, .., last] = &nodes[..] {
            self.path_known(first, last.key()).await;
        }
        nodes
    }

    /// Waits until the route finder answers `from` with a path to `to`.
    pub(crate) async fn path_known(&self, from: &Node, to: PublicKey) {
        until("path", PATIENCE, async || from.find_paths(to, &Policy::default(), 1, false).await).await;
    }
}

/// The wish for a `tcp` transport to a node that accepts.
pub(crate) fn tcp_to(node: &Node) -> Wanted {
    Wanted { kind: tcp(), peer: node.key(), address: node.listen_address().map(Into::into) }
}

pub(crate) fn tcp() -> TransportType {
    TransportType::new("tcp").unwrap()
}

/// The id of the `tcp` transport between two keys.
pub(crate) fn tcp_between(a: PublicKey, b: PublicKey) -> TransportId {
    TransportId::derive(&a, &b, &tcp())
}
