//! The settings of a service that keeps a registry.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use byway_base::{Problem, limits::SWEEP_INTERVAL};
use byway_clock::Clock;
use byway_messaging_client::Messaging;
use byway_service_kit::{Common, Secret};

byway_service_kit::settings! {
    /// The section `[store]`.
    pub struct RawStore {
        /// Database: postgres://USER@HOST/DATABASE, or sqlite:PATH. A file in the data directory if absent.
        pub url: Option<Secret> = None, example "postgres://byway@db/byway";
    }
}

/// What the settings of every registry say.
#[derive(Debug, Clone)]
pub struct RawRegistry {
    /// `listen`.
    pub listen: SocketAddr,
    /// `public_url`.
    pub public_url: Option<String>,
    /// `messaging_discovery`, if there is such a setting.
    pub messaging_discovery: Vec<String>,
    /// `messaging_servers`.
    pub messaging_servers: Vec<String>,
    /// `[store]`.
    pub store: RawStore,
}

/// What the service runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A further name that requests may be signed for.
    pub public_url: Option<String>,
    /// Through which messaging the service is reached by its key; none by default.
    pub messaging: Messaging,
    /// Where the registry is.
    pub store_url: Secret,
    /// Created if need be; holds the registry unless `store_url` says otherwise.
    pub data_dir: PathBuf,
    /// The service's key, created if need be. Replies are signed with it.
    pub key_file: PathBuf,
    /// How often what has had its time is removed.
    pub sweep_interval: Duration,
    /// What time it is.
    pub clock: Clock,
}

impl Config {
    /// Checks the settings of a registry whose own file is called `file`.
    ///
    /// # Errors
    /// `BW-CONFIG`, naming the setting.
    pub fn parse(raw: RawRegistry, file: &str, common: &Common) -> Result<Self, Problem> {
        let default = || Secret::new(format!("sqlite:{}", common.data_dir.join(file).display()));
        Ok(Self {
            listen: raw.listen,
            public_url: raw.public_url,
            messaging: Messaging::parse(raw.messaging_discovery, &raw.messaging_servers)?,
            store_url: raw.store.url.unwrap_or_else(default),
            data_dir: common.data_dir.clone(),
            key_file: common.key_file.clone(),
            sweep_interval: SWEEP_INTERVAL,
            clock: Clock::system(),
        })
    }
}
