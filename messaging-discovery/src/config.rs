//! The service's settings.

use std::net::SocketAddr;

use byway_registry::{RawRegistry, RawStore};

byway_service_kit::settings! {
    /// What messaging discovery can be told.
    pub struct RawConfig {
        /// Address on which nodes and messaging servers are served.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9093));
        /// URL under which others reach the service, if it is not the address above.
        pub public_url: Option<String> = None, example "https://directory.example.org";
        /// Messaging servers, as KEY@IP:PORT, through which the service is also reached by its key alone:
        /// messaging://KEY. Whoever reaches it so names the same servers in its own `messaging_servers`.
        pub messaging_servers: Vec<String> = Vec::new();
        /// Where the registry is kept.
        pub store: RawStore = RawStore::default();
    }
}

impl From<RawConfig> for RawRegistry {
    fn from(raw: RawConfig) -> Self {
        let RawConfig { listen, public_url, messaging_servers, store } = raw;
        Self { listen, public_url, messaging_discovery: Vec::new(), messaging_servers, store }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::{Code, Problem};
    use byway_registry::Config;
    use byway_service_kit::{Loader, Service, assert_settings};

    use super::*;
    use crate::MessagingDiscovery;

    fn configure(key: &str, value: &str) -> Result<Config, Problem> {
        let loaded = Loader::new("messaging-discovery").flag(key, value).load::<RawConfig>()?;
        MessagingDiscovery::configure(loaded.config, &loaded.common)
    }

    #[test]
    fn the_settings_are_unambiguous_and_their_sample_is_the_default() {
        assert_settings::<RawConfig>();
    }

    #[test]
    fn without_a_store_the_registry_is_a_file_in_the_data_directory_and_messaging_is_off() {
        let config = configure("data_dir", "/var/lib/x").unwrap();
        assert_eq!(config.store_url.expose(), "sqlite:/var/lib/x/records.db");
        assert!(config.messaging.is_off());
    }

    #[test]
    fn wrong_values_name_their_setting() {
        for (key, value) in [("listen", "here"), ("messaging_servers", "127.0.0.1:9094")] {
            let problem = configure(key, value).unwrap_err();
            assert!(problem.code == Code::Config && problem.what.contains(key), "{problem}");
        }
    }
}
