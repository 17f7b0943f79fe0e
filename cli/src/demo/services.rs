//! The control plane of the demonstration: every service in this process, each on a free port of loopback.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use byway_base::{Code, Problem, PublicKey};
use byway_messaging_discovery::MessagingDiscovery;
use byway_messaging_server::MessagingServer;
use byway_route_finder::RouteFinder;
use byway_service_kit::{Health, Loader, Service, Shutdown};
use byway_setup_node::SetupNode;
use byway_transport_discovery::TransportDiscovery;
use tokio::{task::JoinHandle, time::timeout};

/// Time for a service to end when it is asked to.
const DRAIN: Duration = Duration::from_secs(2);

/// A service that runs in this process.
pub struct Running {
    /// Its name, for people.
    pub name: String,
    /// Its key, if it has one.
    pub key: Option<PublicKey>,
    address: SocketAddr,
    health: Health,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Problem>>,
}

impl Running {
    /// Starts a service with the settings of a fresh installation, but for `settings`.
    pub async fn start<S: Service>(
        name: &str,
        directory: &Path,
        settings: &[(&str, String)],
    ) -> Result<Self, Problem> {
        let data_dir = directory.join(name).display().to_string();
        let loader = Loader::new(S::NAME).flag("data_dir", data_dir).flag("listen", "127.0.0.1:0");
        let loader = settings.iter().fold(loader, |loader, (key, value)| loader.flag(*key, value.clone()));
        let loaded = loader.load::<S::Raw>()?;
        let config = S::configure(loaded.config, &loaded.common)?;
        let service = S::bind(config).await?;
        let (health, key) = (service.health(), service.identity());
        let address = service.addresses().iter().find_map(|(_, address)| address.parse().ok());
        let address = address.ok_or_else(|| {
            Problem::new(Code::Internal, "cannot start the demonstration", "a service has no address")
        })?;
        let shutdown = Shutdown::new(DRAIN);
        let task = tokio::spawn(service.serve(shutdown.clone()));
        Ok(Self { name: name.to_owned(), key, address, health, shutdown, task })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until its checks are good.
    ///
    /// # Errors
    /// [`Code::NotReady`] with what is missing after `within`.
    pub async fn ready(&self, within: Duration) -> Result<(), Problem> {
        let waited = timeout(within, self.health.ready()).await;
        waited.map_err(|_| {
            let why = format!("{:?}", self.health.report().checks);
            Problem::new(Code::NotReady, format!("{} is not ready", self.name), why)
        })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// Ends it at once, as a crash would: connections break, nobody is told.
    pub fn kill(&self) {
        self.task.abort();
    }

    /// Ends it as SIGTERM would.
    pub async fn stop(self) {
        self.shutdown.begin();
        // It was killed, or ends within its drain time, or is cut off.
        let _ = timeout(DRAIN + DRAIN, self.task).await;
    }
}

/// The control plane.
pub struct Services {
    /// Knows the transports.
    pub transport_discovery: Running,
    /// Finds paths.
    pub route_finder: Running,
    /// Installs rules.
    pub setup_node: Running,
    /// Knows how nodes and messaging servers are reached.
    pub messaging_discovery: Running,
    /// Relay between those who cannot reach each other.
    pub messaging_servers: Vec<Running>,
}

impl Services {
    /// Starts all of them, with the embedded database, in a directory.
    ///
    /// # Errors
    /// The first problem of any of them.
    pub async fn start(directory: &Path) -> Result<Self, Problem> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), directory).await
    }

    /// As [`Self::start`], on an address of this machine that others reach.
    ///
    /// # Errors
    /// The first problem of any of them.
    pub async fn start_at(address: IpAddr, directory: &Path) -> Result<Self, Problem> {
        let listen = ("listen", SocketAddr::from((address, 0)).to_string());
        let own = [listen.clone()];
        let (transport_discovery, messaging_discovery) = tokio::try_join!(
            Running::start::<TransportDiscovery>("transport-discovery", directory, &own),
            Running::start::<MessagingDiscovery>("messaging-discovery", directory, &own),
        )?;
        let directory_url = ("messaging_discovery", messaging_discovery.url());
        let messaging = [listen.clone(), directory_url.clone()];
        let server = |name: &'static str| {
            let settings = [listen.clone(), directory_url.clone(), ("region", name.to_owned())];
            let directory: PathBuf = directory.to_owned();
            async move { Running::start::<MessagingServer>(name, &directory, &settings).await }
        };
        let discovery = [listen.clone(), ("transport_discovery", transport_discovery.url())];
        let (route_finder, setup_node, first, second) = tokio::try_join!(
            Running::start::<RouteFinder>("route-finder", directory, &discovery),
            Running::start::<SetupNode>("setup-node", directory, &messaging),
            server("messaging-server-1"),
            server("messaging-server-2"),
        )?;
        let messaging_servers = vec![first, second];
        Ok(Self { transport_discovery, route_finder, setup_node, messaging_discovery, messaging_servers })
    }

    /// Every service.
    pub fn all(&self) -> impl Iterator<Item = &Running> {
        let single =
            [&self.transport_discovery, &self.messaging_discovery, &self.route_finder, &self.setup_node];
        single.into_iter().chain(&self.messaging_servers)
    }

    /// Ends all of them.
    pub async fn stop(self) {
        let Self { transport_discovery, route_finder, setup_node, messaging_discovery, messaging_servers } =
            self;
        tokio::join!(setup_node.stop(), route_finder.stop());
        for server in messaging_servers {
            server.stop().await;
        }
        tokio::join!(transport_discovery.stop(), messaging_discovery.stop());
    }
}
