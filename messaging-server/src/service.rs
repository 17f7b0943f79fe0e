//! The messaging server as a service.

use std::{net::SocketAddr, sync::Arc};

use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_messaging_client::{ALPN_SERVER, Directory, HttpDirectory, Publisher};
use byway_net::{Identity, tcp::TlsListener};
use byway_service_kit::{Common, Health, Service, Shutdown, key_file};
use tokio::{
    net::lookup_host,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, RawConfig},
    connection::{self, End},
    record::{self, About},
    relay::Relay,
    report,
};

/// A messaging server, bound and ready to serve.
pub struct MessagingServer {
    listener: TlsListener,
    relay: Arc<Relay>,
    health: Health,
    secret: SecretKey,
    about: About,
    directory: Option<Arc<dyn Directory>>,
}

impl Service for MessagingServer {
    const NAME: &'static str = "messaging-server";
    const ABOUT: &'static str = "Carries datagrams between nodes by public key, before there is any route.";
    type Raw = RawConfig;
    type Config = Config;

    fn configure(raw: RawConfig, common: &Common) -> Result<Config, Problem> {
        Config::new(raw, common)
    }

    async fn bind(config: Config) -> Result<Self, Problem> {
        let secret = key_file::load_or_create(&config.key_file)?;
        let directory: Option<Arc<dyn Directory>> = match &config.messaging_discovery[..] {
            [] => None,
            urls => Some(Arc::new(HttpDirectory::new(urls, &secret)?)),
        };
        Self::bind_with(config, secret, directory).await
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![("messaging", self.listener.local_address().to_string())]
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.secret.public())
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        let Self { listener, relay, health, secret, about, directory } = self;
        let draining = CancellationToken::new();
        let withdraw = CancellationToken::new();
        let publisher = directory.map(|directory| {
            let (sender, record) = watch::channel(None);
            let publisher = Publisher::new(secret, directory, record, publish_check(&health));
            tokio::spawn(record::follow(about, relay.clone(), draining.clone(), sender));
            tokio::spawn(publisher.run(withdraw.clone()))
        });
        let mut background = JoinSet::new();
        background.spawn(report::run(relay.clone()));

        let mut clients = JoinSet::new();
        let accepting = accept_clients(listener, &relay, &mut clients);
        tokio::select! {
            () = accepting => {}
            () = health.draining() => {}
            () = shutdown.begun() => {}
        }
        tracing::info!(clients = relay.clients(), "draining: clients are asked to move");
        draining.cancel();
        relay.drain();
        wait_for_end(&mut clients, &shutdown).await;
        withdraw.cancel();
        clients.shutdown().await;
        end(publisher).await;
        Ok(())
    }
}

impl MessagingServer {
    /// Binds with the key and the directory given, whatever `config` says about them.
    ///
    /// # Errors
    /// If the address cannot be listened on, or the public one not resolved.
    pub async fn bind_with(
        config: Config,
        secret: SecretKey,
        directory: Option<Arc<dyn Directory>>,
    ) -> Result<Self, Problem> {
        let identity = Identity::new(secret.clone());
        let tls = identity.server_config(&[ALPN_SERVER]);
        let listener = TlsListener::bind(config.listen, tls).await.map_err(|error| {
            Problem::new(Code::Bind, format!("cannot listen on {}", config.listen), error)
        })?;
        let address = match &config.public_address {
            Some(name) => resolve(name).await?,
            None => listener.local_address(),
        };
        let capacity = u32::try_from(config.limits.clients).unwrap_or(u32::MAX);
        let about = About { address, capacity, region: config.region };
        let relay = Arc::new(Relay::new(config.limits));
        Ok(Self { listener, relay, health: Health::new(), secret, about, directory })
    }
}

async fn resolve(name: &str) -> Result<SocketAddr, Problem> {
    let problem =
        |why: String| Problem::new(Code::Config, format!("cannot use `public_address` {name}"), why);
    let mut found = lookup_host(name).await.map_err(|error| problem(error.to_string()))?;
    found.next().ok_or_else(|| problem("the name has no address".to_owned()))
}

/// Publishing is not needed for those who are connected; those who are not yet find the server by it.
fn publish_check(health: &Health) -> impl Fn(Option<Problem>) + Send + 'static {
    let check = health.check("messaging-discovery");
    move |problem| match problem {
        None => check.ok(),
        Some(problem) => check.degraded(format!("the server's record is not published: {problem}")),
    }
}

/// Accepts clients, one task each, until the listener ends.
async fn accept_clients(mut listener: TlsListener, relay: &Arc<Relay>, clients: &mut JoinSet<()>) {
    loop {
        tokio::select! {
            connection = listener.accept() => {
                let Some(connection) = connection else { return };
                let (key, address) = (connection.peer, connection.address);
                let relay = relay.clone();
                clients.spawn(async move {
                    let end = connection::serve(relay, connection).await;
                    log_end(key, address, &end);
                });
            }
            Some(ended) = clients.join_next() => log_panic(ended),
        }
    }
}

fn log_end(client: PublicKey, address: SocketAddr, end: &End) {
    metrics::counter!("byway_messaging_connections_ended_total", "reason" => end.reason()).increment(1);
    tracing::debug!(?client, %address, %end, "client's connection ended");
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && !error.is_cancelled()
    {
        tracing::error!(%error, "a client's task failed");
    }
}

/// Waits until the process is to end and the clients left, or the time for that is over.
async fn wait_for_end(clients: &mut JoinSet<()>, shutdown: &Shutdown) {
    let left = async {
        shutdown.begun().await;
        while clients.join_next().await.is_some() {}
    };
    tokio::select! {
        () = left => {}
        () = shutdown.expired() => tracing::info!("time to drain is over; the remaining clients are cut off"),
    }
}

/// Waits until the record is withdrawn, which has a deadline of its own.
async fn end(publisher: Option<JoinHandle<()>>) {
    if let Some(publisher) = publisher
        && let Err(error) = publisher.await
    {
        tracing::error!(%error, "the publisher failed");
    }
}
