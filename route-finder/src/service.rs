//! Configured, bound, served.

use std::{fmt, net::SocketAddr, sync::Arc};

use byway_api::route_finder::RouteFinder as Endpoints;
use byway_base::{Problem, PublicKey};
use byway_front::Front;
use byway_http::{client::Client, server::Server};
use byway_service_kit::{Common, Health, Service, Shutdown, key_file};

use crate::{
    Config, RawConfig,
    api::Api,
    follow::Follower,
    latest::{Latest, Mirrored},
};

/// A route finder, bound and ready to serve.
pub struct RouteFinder {
    front: Front,
    health: Health,
    latest: Arc<Latest>,
    follower: Follower,
    workers: usize,
}

impl RouteFinder {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// The key that signs its replies, and by which it is reached through messaging.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.front.key()
    }

    /// Tells how far the mirror is, for programs that embed a finder and wait for it.
    #[must_use]
    pub fn mirrored(&self) -> Mirrored {
        Mirrored(self.latest.clone())
    }
}

impl fmt::Debug for RouteFinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteFinder").field("front", &self.front).finish_non_exhaustive()
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
        let health = Health::new();
        let mut front = Front::bind(config.listen, config.public_url, secret.clone()).await?;
        if !config.messaging.is_off() {
            front = front.join(config.messaging.client(&secret)?, &health)?;
        }
        let client = |address| Client::at(address, None, front.services());
        let clients = config.transport_discovery.iter().map(client).collect::<Result<Vec<_>, _>>()?;
        let latest = Arc::new(Latest::new(health.check("mirror"), config.mirror_age_max));
        let (workers, follower) = (config.workers, Follower::new(clients, latest.clone(), config.workers));
        Ok(Self { front, health, latest, follower, workers })
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![("http", self.address().to_string())]
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.key())
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        let api = Arc::new(Api::new(self.latest.clone(), self.workers));
        tokio::join!(
            self.front.serve(Server::<Endpoints>::new(api), shutdown.token()),
            self.follower.run(shutdown.token()),
            self.latest.keep_assessing(shutdown.token()),
        );
        Ok(())
    }
}
