//! The service's settings.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use byway_base::{Code, Problem, limits::SWEEP_INTERVAL};
use byway_service_kit::{Common, Secret};

use crate::Clock;

byway_service_kit::settings! {
    /// What messaging discovery can be told.
    pub struct RawConfig {
        /// Address on which nodes and messaging servers are served.
        pub listen: String = "127.0.0.1:9093".to_owned();
        /// URL under which others reach the service, if it is not the address above.
        pub public_url: Option<String> = None, example "https://directory.example.org";
        /// Where the registry is kept.
        pub store: RawStore = RawStore::default();
    }
}

byway_service_kit::settings! {
    /// The section `[store]`.
    pub struct RawStore {
        /// Database: postgres://USER@HOST/DATABASE, or sqlite:PATH. A file in the data directory if absent.
        pub url: Option<Secret> = None, example "postgres://byway@db/records";
    }
}

/// What the service runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A further name that requests may be signed for.
    pub public_url: Option<String>,
    /// Where the registry is.
    pub store_url: Secret,
    /// Created if need be; holds the registry unless `store_url` says otherwise.
    pub data_dir: PathBuf,
    /// The service's key, created if need be. Replies are signed with it.
    pub key_file: PathBuf,
    /// How often expired records are removed.
    pub sweep_interval: Duration,
    /// What time it is.
    pub clock: Clock,
}

impl Config {
    pub(crate) fn parse(raw: RawConfig, common: &Common) -> Result<Self, Problem> {
        let listen = raw.listen.parse().map_err(|_| {
            let why = format!("'{}' is no IP address and port", raw.listen);
            Problem::new(Code::Config, "cannot use `listen`", why)
        })?;
        let default = || Secret::new(format!("sqlite:{}", common.data_dir.join("records.db").display()));
        Ok(Self {
            listen,
            public_url: raw.public_url,
            store_url: raw.store.url.unwrap_or_else(default),
            data_dir: common.data_dir.clone(),
            key_file: common.key_file.clone(),
            sweep_interval: SWEEP_INTERVAL,
            clock: Clock::system(),
        })
    }
}

#[cfg(test)]
mod tests {
    use byway_service_kit::{Loader, assert_settings};

    use super::*;

    #[test]
    fn the_settings_are_unambiguous_and_their_sample_is_the_default() {
        assert_settings::<RawConfig>();
    }

    #[test]
    fn without_a_store_the_registry_is_a_file_in_the_data_directory() {
        let loaded =
            Loader::new("messaging-discovery").flag("data_dir", "/var/lib/x").load::<RawConfig>().unwrap();
        let config = Config::parse(loaded.config, &loaded.common).unwrap();
        assert_eq!(config.store_url.expose(), "sqlite:/var/lib/x/records.db");
    }

    #[test]
    fn a_wrong_address_is_named() {
        let loaded = Loader::new("messaging-discovery").flag("listen", "here").load::<RawConfig>().unwrap();
        let problem = Config::parse(loaded.config, &loaded.common).unwrap_err();
        assert!(problem.code == Code::Config && problem.what.contains("listen"), "{problem}");
    }
}
