//! The service's settings.

use std::net::SocketAddr;

use byway_registry::{RawRegistry, RawStore};

byway_service_kit::settings! {
    /// What transport discovery can be told.
    pub struct RawConfig {
        /// Address on which nodes and route finders are served.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9091));
        /// URL under which others reach the service, if it is not the address above.
        pub public_url: Option<String> = None, example "https://transports.example.org";
        /// Base URLs of messaging discovery, tried in turn. With one, or with `messaging_servers`, the service is also
        /// reached through messaging, by its key alone: messaging://KEY.
        pub messaging_discovery: Vec<String> = Vec::new(), example "http://127.0.0.1:9093";
        /// Messaging servers to use beside those that discovery names, as KEY@IP:PORT.
        pub messaging_servers: Vec<String> = Vec::new();
        /// Where the registry is kept.
        pub store: RawStore = RawStore::default();
    }
}

impl From<RawConfig> for RawRegistry {
    fn from(raw: RawConfig) -> Self {
        let RawConfig { listen, public_url, messaging_discovery, messaging_servers, store } = raw;
        Self { listen, public_url, messaging_discovery, messaging_servers, store }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::{Code, Problem};
    use byway_registry::Config;
    use byway_service_kit::{Loader, Service, assert_settings};

    use super::*;
    use crate::TransportDiscovery;

    fn configure(key: &str, value: &str) -> Result<Config, Problem> {
        let loaded = Loader::new("transport-discovery").flag(key, value).load::<RawConfig>()?;
        TransportDiscovery::configure(loaded.config, &loaded.common)
    }

    #[test]
    fn the_settings_are_unambiguous_and_their_sample_is_the_default() {
        assert_settings::<RawConfig>();
    }

    #[test]
    fn without_a_store_the_registry_is_a_file_in_the_data_directory_and_messaging_is_off() {
        let config = configure("data_dir", "/var/lib/x").unwrap();
        assert_eq!(config.store_url.expose(), "sqlite:/var/lib/x/transports.db");
        assert!(config.messaging.is_off());
    }

    #[test]
    fn wrong_values_name_their_setting() {
        for (key, value) in [
            ("listen", "here"),
            ("messaging_servers", "127.0.0.1:9094"),
            ("messaging_discovery", "messaging://x"),
        ] {
            let problem = configure(key, value).unwrap_err();
            assert!(problem.code == Code::Config && problem.what.contains(key), "{problem}");
        }
    }
}
