//! Configured, bound, served.

use std::{fmt, net::SocketAddr, sync::Arc};

use byway_base::{Code, Problem, PublicKey, limits::STORE_PATIENCE};
use byway_front::Front;
use byway_service_kit::{Common, Health, Router, Service, Shutdown, key_file};
use byway_store::{Opening, Store};
use tokio::sync::Notify;

use crate::{Config, Registry, keeper::Keeper};

/// The service that keeps a registry, bound and ready to serve. A PostgreSQL that does not answer is waited for, up to
/// [`STORE_PATIENCE`]: meanwhile requests are answered with `BW-NOT-READY`, and the check `database` says why.
pub struct RegistryService<R> {
    config: Config,
    store: Store,
    opening: Opening,
    opened: Arc<Notify>,
    front: Front,
    health: Health,
    keeper: Keeper<R>,
}

impl<R: Registry> RegistryService<R> {
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
}

impl<R: Registry> fmt::Debug for RegistryService<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(R::NAME)
            .field("config", &self.config)
            .field("front", &self.front)
            .finish_non_exhaustive()
    }
}

impl<R: Registry> Service for RegistryService<R> {
    const NAME: &'static str = R::NAME;
    const ABOUT: &'static str = R::ABOUT;
    type Raw = R::Raw;
    type Config = Config;

    fn configure(raw: R::Raw, common: &Common) -> Result<Config, Problem> {
        Config::parse(raw.into(), R::FILE, common)
    }

    async fn bind(config: Config) -> Result<Self, Problem> {
        // First, because it makes a missing directory one that only we can read.
        let secret = key_file::load_or_create(&config.key_file)?;
        let data_dir = config.data_dir.display();
        tokio::fs::create_dir_all(&config.data_dir)
            .await
            .map_err(|error| Problem::new(Code::File, format!("cannot create {data_dir}"), error))?;
        let mut front = Front::bind(config.listen, config.public_url.clone(), secret.clone()).await?;
        let (store, opening) = Store::open_soon(config.store_url.expose()).await?;
        let health = Health::new();
        if !config.messaging.is_off() {
            let messaging = R::messaging(config.messaging.client(&secret)?, &store, &config.clock);
            front = front.join(messaging, &health)?;
        }
        let opened = Arc::new(Notify::new());
        let keeper = Keeper::new(&store, &config, &health, opened.clone());
        Ok(Self { config, store, opening, opened, front, health, keeper })
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

    fn admin(&self) -> Router {
        self.front.audit().router()
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        let stop = shutdown.token();
        let server = R::server(self.store.clone(), self.config.clock.clone());
        let work =
            async { tokio::join!(self.front.serve(server, stop.clone()), self.keeper.run(stop.clone())) };
        let never_opened = async {
            match stop.run_until_cancelled(self.opening.finish(STORE_PATIENCE)).await {
                Some(Err(error)) => return error,
                Some(Ok(())) => self.opened.notify_one(),
                None => {}
            }
            std::future::pending().await
        };
        let outcome = tokio::select! {
            _ = work => Ok(()),
            error = never_opened => Err(error.into()),
        };
        self.store.close().await;
        outcome
    }
}
