//! Nodes that know of their control plane nothing but keys, and the messaging servers.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails it")]

use std::{net::SocketAddr, path::Path, time::Duration};

use byway_base::{Code, Policy, Problem, PublicKey, SecretKey, TransportType};
use byway_messaging_client::ServerAddress;
use byway_messaging_discovery::MessagingDiscovery;
use byway_messaging_server::MessagingServer;
use byway_node::{Config, Node, PathChoice, ServiceAddress, Wanted};
use byway_route_finder::RouteFinder;
use byway_service_kit::{Health, Loader, Service, Shutdown};
use byway_setup_node::SetupNode;
use byway_testkit::wait::until;
use byway_transport_discovery::TransportDiscovery;
use tokio::task::JoinHandle;

/// After this a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    key: PublicKey,
    address: String,
    health: Health,
    task: JoinHandle<Result<(), Problem>>,
}

impl Running {
    async fn start<S: Service>(directory: &Path, name: &str, settings: &[(&str, String)]) -> Self {
        let data_dir = directory.join(name).display().to_string();
        let loader = Loader::new(S::NAME).flag("data_dir", data_dir).flag("listen", "127.0.0.1:0");
        let loader = settings.iter().fold(loader, |loader, (key, value)| loader.flag(*key, value.clone()));
        let loaded = loader.load::<S::Raw>().unwrap();
        let service = S::bind(S::configure(loaded.config, &loaded.common).unwrap()).await.unwrap();
        let (health, key) = (service.health(), service.identity().unwrap());
        let address = service.addresses()[0].1.clone();
        let task = tokio::spawn(service.serve(Shutdown::new(Duration::from_secs(2))));
        Self { key, address, health, task }
    }

    fn by_key(&self) -> String {
        format!("messaging://{}", self.key)
    }

    fn service(&self) -> Option<ServiceAddress> {
        Some(self.by_key().parse().unwrap())
    }
}

/// A node of a seed that is told keys only.
async fn node(seed: u8, services: &Services, transports: Vec<Wanted>) -> Node {
    let mut config = Config::new(SecretKey::from_seed([seed; 32]));
    config.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.transport_discovery = services.transport_discovery.service();
    config.route_finder = services.route_finder.service();
    config.messaging_discovery = vec![services.messaging_discovery.by_key()];
    let server =
        |server: &Running| ServerAddress { key: server.key, address: server.address.parse().unwrap() };
    config.messaging_servers = services.messaging_servers.iter().map(server).collect();
    config.trusted_setup_nodes = vec![services.setup_node.key];
    config.transports = transports;
    Node::start(config).await.unwrap()
}

struct Services {
    _directory: tempfile::TempDir,
    messaging_servers: Vec<Running>,
    messaging_discovery: Running,
    transport_discovery: Running,
    route_finder: Running,
    setup_node: Running,
}

impl Services {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mut messaging_servers = Vec::new();
        for name in ["s1", "s2"] {
            messaging_servers.push(Running::start::<MessagingServer>(path, name, &[]).await);
        }
        let named = messaging_servers.iter().map(|server| format!("{}@{}", server.key, server.address));
        let servers = ("messaging_servers", named.collect::<Vec<_>>().join(","));
        let messaging_discovery =
            Running::start::<MessagingDiscovery>(path, "md", std::slice::from_ref(&servers)).await;
        let discovery = ("messaging_discovery", messaging_discovery.by_key());
        let both = [servers.clone(), discovery.clone()];
        let transport_discovery = Running::start::<TransportDiscovery>(path, "td", &both).await;
        let setup_node = Running::start::<SetupNode>(path, "setup", &both).await;
        let upstream = ("transport_discovery", transport_discovery.by_key());
        let route_finder = Running::start::<RouteFinder>(path, "rf", &[servers, discovery, upstream]).await;
        let all = [&messaging_discovery, &transport_discovery, &setup_node, &route_finder];
        for service in all {
            let ready = tokio::time::timeout(PATIENCE, service.health.ready()).await;
            ready.unwrap_or_else(|_| panic!("never ready: {:?}", service.health.report()));
        }
        Self {
            _directory: directory,
            messaging_servers,
            messaging_discovery,
            transport_discovery,
            route_finder,
            setup_node,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_build_routes_though_they_know_no_address_of_any_service() {
    let mut services = Services::start().await;
    let far = node(2, &services, Vec::new()).await;
    let wanted = Wanted {
        kind: TransportType::new("tcp").unwrap(),
        peer: far.key(),
        address: far.listen_address().map(Into::into),
    };
    let near = node(1, &services, vec![wanted]).await;
    let dialled = async || near.ping(far.key(), PathChoice::by_policy(&Policy::default()), 1).await;
    until("an answer over the overlay", PATIENCE, dialled).await;
    // And with one messaging server less. The same session would prove nothing.
    let lost = services.messaging_servers.remove(0);
    lost.task.abort();
    let found = async || {
        let reply = near.find_paths(far.key(), &Policy::default(), 1, false).await?;
        if reply.paths.is_empty() { Err(Problem::new(Code::NoPath, "no path", "none")) } else { Ok(()) }
    };
    until("a path", PATIENCE, found).await;
    near.stop().await;
    far.stop().await;
}
