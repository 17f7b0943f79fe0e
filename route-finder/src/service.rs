//! Configured, bound, served.

use std::{fmt, net::SocketAddr, sync::Arc};

use byway_api::route_finder::RouteFinder as Endpoints;
use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_http::{client::Client, server::Server};
use byway_service_kit::{Common, Health, Service, Shutdown, key_file};
use tokio::net::TcpListener;

use crate::{
    Config, RawConfig,
    api::Api,
    follow::Follower,
    latest::{Latest, Mirrored},
};

/// A route finder, bound and ready to serve.
pub struct RouteFinder {
    secret: SecretKey,
    public_url: Option<String>,
    listener: TcpListener,
    address: SocketAddr,
    health: Health,
    latest: Arc<Latest>,
    follower: Follower,
    workers: usize,
}

impl RouteFinder {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that signs its replies.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.secret.public()
    }

    /// Tells how far the mirror is, for programs that embed a finder and wait for it.
    #[must_use]
    pub fn mirrored(&self) -> Mirrored {
        Mirrored(self.latest.clone())
    }
}

impl fmt::Debug for RouteFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteFinder").field("address", &self.address).field("key", &self.key()).finish()
    }
}

impl Service for RouteFinder {
    const NAME: &'static str = "route-finder";
    const ABOUT: &'static str = "Answers path queries from its mirror of the transport graph.";
    type Raw = RawConfig;
    type Config = Config;

    fn configure(raw: RawConfig, common: &Common) -> Result<Config, Problem> {
        Config::parse(raw, common)
    }

    async fn bind(config: Config) -> Result<Self, Problem> {
        let secret = key_file::load_or_create(&config.key_file)?;
        let clients =
            config.transport_discovery.iter().map(|address| Client::new(&address.url, None, address.key));
        let clients = clients.collect::<Result<Vec<_>, _>>()?;
        let unbound = |error| Problem::new(Code::Bind, format!("cannot listen on {}", config.listen), error);
        let listener = TcpListener::bind(config.listen).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let health = Health::new();
        let latest = Arc::new(Latest::new(health.check("mirror"), config.mirror_age_max));
        let follower = Follower::new(clients, latest.clone(), config.workers);
        let (public_url, workers) = (config.public_url, config.workers);
        Ok(Self { secret, public_url, listener, address, health, latest, follower, workers })
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![("http", self.address.to_string())]
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.key())
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        let api = Arc::new(Api::new(self.latest.clone(), self.workers));
        let mut server = Server::<Endpoints>::new(api).sign_with(self.secret);
        if let Some(name) = &self.public_url {
            server = server.authority(name);
        }
        tokio::join!(
            server.serve(self.listener, shutdown.token()),
            self.follower.run(shutdown.token()),
            self.latest.keep_assessing(shutdown.token()),
        );
        Ok(())
    }
}
