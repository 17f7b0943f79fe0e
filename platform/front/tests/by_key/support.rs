//! Messaging servers, services on them, and callers.

use std::{path::Path, sync::Arc, time::Duration};

use byway_base::{Problem, PublicKey, SecretKey};
use byway_http::{ServiceAddress, client::Client};
use byway_messaging_client::{Messaging, MessagingClient, ServerAddress};
use byway_messaging_server::MessagingServer;
use byway_service_kit::{Health, Loader, Service, Shutdown};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// After this a test gives up; none takes a tenth of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// A service that runs.
pub(crate) struct Running {
    pub(crate) key: PublicKey,
    pub(crate) health: Health,
    address: String,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Problem>>,
}

impl Running {
    /// Starts a service in a directory of its own within `directory`, which `name` tells from its like.
    pub(crate) async fn start<S: Service>(directory: &Path, name: &str, settings: &[(&str, String)]) -> Self {
        let data_dir = directory.join(name).display().to_string();
        let loader = Loader::new(S::NAME).flag("data_dir", data_dir).flag("listen", "127.0.0.1:0");
        let loader = settings.iter().fold(loader, |loader, (key, value)| loader.flag(*key, value.clone()));
        let loaded = loader.load::<S::Raw>().unwrap();
        let service = S::bind(S::configure(loaded.config, &loaded.common).unwrap()).await.unwrap();
        let (health, key) = (service.health(), service.identity().unwrap());
        let address = service.addresses()[0].1.clone();
        let shutdown = Shutdown::new(Duration::from_secs(5));
        let task = tokio::spawn(service.serve(shutdown.clone()));
        Self { key, health, address, shutdown, task }
    }

    /// By key alone.
    pub(crate) fn by_key(&self) -> String {
        format!("messaging://{}", self.key)
    }

    pub(crate) async fn ready(&self) {
        let ready = timeout(PATIENCE, self.health.ready()).await;
        ready.unwrap_or_else(|_| panic!("never ready: {:?}", self.health.report().checks));
    }

    /// Ends it as SIGTERM would.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Two messaging servers that nothing but configuration names.
pub(crate) struct Net {
    pub(crate) directory: TempDir,
    pub(crate) servers: Vec<Running>,
}

impl Net {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut servers = Vec::new();
        for name in ["server-1", "server-2"] {
            servers.push(Running::start::<MessagingServer>(directory.path(), name, &[]).await);
        }
        Self { directory, servers }
    }

    /// For `messaging_servers`.
    pub(crate) fn named(&self) -> String {
        let named = self.servers.iter().map(|server| format!("{}@{}", server.key, server.address));
        named.collect::<Vec<_>>().join(",")
    }

    /// Messaging with a discovery behind `discovery`, or none.
    pub(crate) fn messaging(&self, discovery: Option<&Running>) -> Messaging {
        let server =
            |server: &Running| ServerAddress { key: server.key, address: server.address.parse().unwrap() };
        let servers = self.servers.iter().map(server).collect();
        Messaging { discovery: discovery.map(Running::by_key).into_iter().collect(), servers }
    }
}

/// Somebody who knows keys and messaging servers, and not one address of a service.
pub(crate) struct Caller {
    pub(crate) messaging: MessagingClient,
    secret: SecretKey,
}

impl Caller {
    pub(crate) async fn start(seed: u8, messaging: &Messaging) -> Arc<Self> {
        let secret = secret(seed);
        let config = messaging.client(&secret).unwrap();
        let messaging = MessagingClient::start(config, CancellationToken::new()).unwrap();
        timeout(PATIENCE, messaging.ready()).await.unwrap();
        Arc::new(Self { messaging, secret })
    }

    pub(crate) fn client(&self, service: PublicKey) -> Client {
        let address: ServiceAddress = format!("messaging://{service}").parse().unwrap();
        Client::at(&address, Some(self.secret.clone()), Some(self.messaging.services())).unwrap()
    }
}
