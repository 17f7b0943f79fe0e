//! What a setup node can be told.

use std::{net::SocketAddr, path::PathBuf};

use byway_base::{Code, Problem, PublicKey};
use byway_messaging_client::Messaging;
use byway_service_kit::Common;

byway_service_kit::settings! {
    /// What a setup node can be told.
    pub struct RawConfig {
        /// Address on which administrators see and remove routes. Sources and nodes need no address: they come over
        /// messaging.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9095));
        /// URL under which administrators reach that address, if it is not the address itself. Through messaging they
        /// reach the setup node by its key alone, messaging://KEY.
        pub public_url: Option<String> = None, example "https://setup.example.org";
        /// Base URLs of messaging discovery, tried in turn; messaging://KEY is reached through `messaging_servers`.
        pub messaging_discovery: Vec<String> = vec!["http://127.0.0.1:9093".to_owned()];
        /// Messaging servers to use beside those that discovery names, as KEY@IP:PORT.
        pub messaging_servers: Vec<String> = Vec::new();
        /// Public keys that may see and remove routes. None by default: then nobody may.
        pub administrators: Vec<PublicKey> = Vec::new();
    }
}

/// The settings of a setup node, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address on which administrators are answered; port 0 takes a free one.
    pub listen: SocketAddr,
    /// URL under which administrators reach it, if it is not the address itself.
    pub public_url: Option<String>,
    /// Through which messaging sources and nodes are reached.
    pub messaging: Messaging,
    /// Who may see and remove routes.
    pub administrators: Vec<PublicKey>,
    /// Where the list of routes is kept.
    pub data_dir: PathBuf,
    /// The file of the secret key that nodes trust.
    pub key_file: PathBuf,
}

impl Config {
    pub(crate) fn check(raw: RawConfig, common: &Common) -> Result<Self, Problem> {
        let messaging = Messaging::parse(raw.messaging_discovery, &raw.messaging_servers)?;
        if messaging.is_off() {
            let why = "without one, or `messaging_servers`, nobody can reach a setup node";
            return Err(Problem::new(Code::Config, "cannot use an empty `messaging_discovery`", why));
        }
        Ok(Self {
            listen: raw.listen,
            public_url: raw.public_url,
            messaging,
            administrators: raw.administrators,
            data_dir: common.data_dir.clone(),
            key_file: common.key_file.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use byway_service_kit::{Loader, assert_settings};

    use super::*;

    #[test]
    fn the_settings_are_sound_and_the_default_is_usable() {
        assert_settings::<RawConfig>();
        let loaded = Loader::new("setup-node").load::<RawConfig>().unwrap();
        assert!(Config::check(loaded.config, &loaded.common).is_ok());
    }

    #[test]
    fn a_setup_node_without_messaging_is_refused() {
        let loaded = Loader::new("setup-node").load::<RawConfig>().unwrap();
        let raw = RawConfig { messaging_discovery: Vec::new(), ..loaded.config };
        assert_eq!(Config::check(raw, &loaded.common).unwrap_err().code, Code::Config);
    }
}
