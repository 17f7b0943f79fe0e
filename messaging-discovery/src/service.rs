//! Configured, bound, served.

use std::{net::SocketAddr, sync::Arc};

use byway_api::messaging_discovery::MessagingDiscovery as Endpoints;
use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_http::server::Server;
use byway_service_kit::{Common, Health, Service, Shutdown, key_file};
use byway_store::Store;
use tokio::net::TcpListener;

use crate::{Config, RawConfig, api::Api, keeper::Keeper};

/// Messaging discovery, bound and ready to serve.
#[derive(Debug)]
pub struct MessagingDiscovery {
    config: Config,
    secret: SecretKey,
    store: Store,
    listener: TcpListener,
    address: SocketAddr,
    health: Health,
    keeper: Keeper,
}

impl MessagingDiscovery {
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
}

impl Service for MessagingDiscovery {
    const NAME: &'static str = "messaging-discovery";
    const ABOUT: &'static str = "The directory of nodes' and servers' contact records.";
    type Raw = RawConfig;
    type Config = Config;

    fn configure(raw: RawConfig, common: &Common) -> Result<Config, Problem> {
        Config::parse(raw, common)
    }

    async fn bind(config: Config) -> Result<Self, Problem> {
        // First, because it makes a missing directory one that only we can read.
        let secret = key_file::load_or_create(&config.key_file)?;
        let data_dir = config.data_dir.display();
        tokio::fs::create_dir_all(&config.data_dir)
            .await
            .map_err(|error| Problem::new(Code::File, format!("cannot create {data_dir}"), error))?;
        let unbound = |error| Problem::new(Code::Bind, format!("cannot listen on {}", config.listen), error);
        let listener = TcpListener::bind(config.listen).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let store = Store::open(config.store_url.expose()).await?;
        let health = Health::new();
        let keeper = Keeper::new(&store, &config, &health);
        Ok(Self { config, secret, store, listener, address, health, keeper })
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
        let api = Arc::new(Api::new(self.store.clone(), self.config.clock.clone()));
        let mut server = Server::<Endpoints>::new(api).sign_with(self.secret);
        if let Some(name) = &self.config.public_url {
            server = server.authority(name);
        }
        tokio::join!(server.serve(self.listener, shutdown.token()), self.keeper.run(shutdown.token()));
        self.store.close().await;
        Ok(())
    }
}
