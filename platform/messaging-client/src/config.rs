//! What a messaging client is started with.

use std::{fmt, net::SocketAddr, str::FromStr, sync::Arc};

use byway_base::{PublicKey, SecretKey, limits::MESSAGING_SERVERS_PER_CLIENT};
use byway_wire::Candidate;

use crate::{directory::Directory, protocol::Protocol};

/// A messaging server named by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerAddress {
    /// Who must answer.
    pub key: PublicKey,
    /// Where it listens.
    pub address: SocketAddr,
}

impl FromStr for ServerAddress {
    type Err = String;

    /// `KEY@IP:PORT`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, address) = text.split_once('@').ok_or_else(|| format!("'{text}' is not KEY@IP:PORT"))?;
        let key = key.parse().map_err(|error| format!("'{key}': {error}"))?;
        let address = address.parse().map_err(|_| format!("'{address}' is not IP:PORT"))?;
        Ok(Self { key, address })
    }
}

/// What a messaging client is started with.
#[derive(Clone)]
pub struct Config {
    /// Whose client it is.
    pub identity: SecretKey,
    /// Where records are published and looked up. Without one, peers are sought on the connected servers only.
    pub directory: Option<Arc<dyn Directory>>,
    /// Servers known without the directory. May be empty if there is a directory.
    pub servers: Vec<ServerAddress>,
    /// How many servers to stay connected to; [`MESSAGING_SERVERS_PER_CLIENT`] by default.
    pub servers_wanted: usize,
    /// What to try first towards servers that speak both; [`Protocol::Tcp`] by default. The other one is tried where it does
    /// not get through.
    pub prefer: Protocol,
    /// Protocols under which peers may connect; none by default. Dialling needs none.
    pub alpns: Vec<&'static [u8]>,
    /// Addresses for direct transports, for the contact record.
    pub candidates: Vec<Candidate>,
    /// Whether the node forwards for others, for the contact record.
    pub transit: bool,
}

impl Config {
    /// A client of `identity` that knows no servers and accepts nothing yet.
    #[must_use]
    pub fn new(identity: SecretKey) -> Self {
        Self {
            identity,
            directory: None,
            servers: Vec::new(),
            servers_wanted: MESSAGING_SERVERS_PER_CLIENT,
            prefer: Protocol::default(),
            alpns: Vec::new(),
            candidates: Vec::new(),
            transit: false,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("key", &self.identity.public())
            .field("directory", &self.directory.is_some())
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}
