//! What a node can be told.

mod forwarding;
mod traversal;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_messaging_client::{Messaging, ServerAddress};
use byway_service_kit::{Common, key_file};
use byway_setup::Quotas;

pub use crate::transports::Wanted;
pub use byway_http::ServiceAddress;
pub use forwarding::{ForwardingLimits, RawForwarding};
pub use traversal::{RawTraversal, TraversalConfig};

byway_service_kit::settings! {
    /// What a node can be told. None of it is required: a node without services forwards for those who reach it.
    pub struct RawConfig {
        /// Address on which `tcp` transports are accepted; absent behind NAT, where the node only dials.
        pub listen: Option<SocketAddr> = None, example "0.0.0.0:9070";
        /// Address under which others reach `listen`, if it is another one.
        pub public_address: Option<SocketAddr> = None, example "203.0.113.7:9070";
        /// UDP address on which `quic` transports are accepted, told to everybody. Absent: any free port, told to those
        /// peers only with which a direct way is sought.
        pub quic_listen: Option<SocketAddr> = None, example "0.0.0.0:9070";
        /// Address under which others reach `quic_listen`, if it is another one.
        pub quic_public_address: Option<SocketAddr> = None, example "203.0.113.7:9070";
        /// Base URL of transport discovery; messaging://KEY is reached through messaging, as are the services below.
        pub transport_discovery: Option<String> = None, example "http://127.0.0.1:9091";
        /// Base URL of the route finder; with `KEY@` before it, only answers signed by that key count.
        pub route_finder: Option<String> = None, example "http://127.0.0.1:9092";
        /// Base URLs of messaging discovery, tried in turn; messaging://KEY is reached through `messaging_servers`.
        pub messaging_discovery: Vec<String> = Vec::new(), example "http://127.0.0.1:9093";
        /// Messaging servers to use beside those that discovery names, as KEY@IP:PORT.
        pub messaging_servers: Vec<String> = Vec::new();
        /// Keys of the setup nodes that may install rules here and are asked for routes, in this order.
        pub trusted_setup_nodes: Vec<PublicKey> = Vec::new();
        /// Transports to keep up, as TYPE:PEER or TYPE:PEER@HOST:PORT; a peer is a key or a petname.
        pub transports: Vec<String> = Vec::new();
        /// Whether the node forwards for others.
        pub transit: bool = true;
        /// Petnames, as NAME=KEY.
        pub petnames: Vec<String> = Vec::new();
        /// The local API's unix socket; `off` for none. Absent: `node.sock` in the data directory.
        pub socket: Option<PathBuf> = None;
        /// What forwarding may use.
        pub forwarding: RawForwarding = RawForwarding::default();
        /// How it looks for direct ways past NATs.
        pub traversal: RawTraversal = RawTraversal::default();
    }
}

/// A node's valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who the node is.
    pub key: KeySource,
    /// Where `tcp` transports are accepted, if they are.
    pub listen: Option<SocketAddr>,
    /// Where others reach `listen`, if not there.
    pub public_address: Option<SocketAddr>,
    /// Where `quic` transports are accepted, for everybody to know.
    pub quic_listen: Option<SocketAddr>,
    /// Where others reach `quic_listen`, if not there.
    pub quic_public_address: Option<SocketAddr>,
    /// Transport discovery.
    pub transport_discovery: Option<ServiceAddress>,
    /// The route finder.
    pub route_finder: Option<ServiceAddress>,
    /// Base URLs of messaging discovery.
    pub messaging_discovery: Vec<String>,
    /// Messaging servers known beforehand.
    pub messaging_servers: Vec<ServerAddress>,
    /// Setup nodes that are obeyed and asked.
    pub trusted_setup_nodes: Vec<PublicKey>,
    /// How many rules and routes there may be here, in all and of each.
    pub rule_quotas: Quotas,
    /// Transports to keep up.
    pub transports: Vec<Wanted>,
    /// Whether the node forwards for others.
    pub transit: bool,
    /// What forwarding may use.
    pub forwarding: ForwardingLimits,
    /// How it looks for direct ways past NATs.
    pub traversal: TraversalConfig,
    /// Where the node writes down what it must not forget; nowhere if there is none.
    pub state_dir: Option<PathBuf>,
    /// Names for keys.
    pub petnames: BTreeMap<String, PublicKey>,
    /// The local API's socket, if there is to be one.
    pub socket: Option<PathBuf>,
    /// How long sessions may take to end when the node stops.
    pub drain: Duration,
}

impl Config {
    /// A node that knows nothing and listens nowhere; for programs that embed one and fill in the rest.
    #[must_use]
    pub fn new(secret: SecretKey) -> Self {
        Self {
            key: KeySource::Given(secret),
            listen: None,
            public_address: None,
            quic_listen: None,
            quic_public_address: None,
            transport_discovery: None,
            route_finder: None,
            messaging_discovery: Vec::new(),
            messaging_servers: Vec::new(),
            trusted_setup_nodes: Vec::new(),
            rule_quotas: Quotas::default(),
            transports: Vec::new(),
            transit: true,
            forwarding: ForwardingLimits::default(),
            traversal: TraversalConfig::default(),
            state_dir: None,
            petnames: BTreeMap::new(),
            socket: None,
            drain: Duration::from_secs(5),
        }
    }
}

/// Where a node's secret key comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A file, created on first start.
    File(PathBuf),
    /// The program that embeds the node.
    Given(SecretKey),
}

impl KeySource {
    /// The key.
    ///
    /// # Errors
    /// If the file cannot be read or created, or others can read it.
    pub fn load(&self) -> Result<SecretKey, Problem> {
        match self {
            Self::File(path) => key_file::load_or_create(path),
            Self::Given(secret) => Ok(secret.clone()),
        }
    }
}

impl TryFrom<(RawConfig, &Common)> for Config {
    type Error = Problem;

    fn try_from((raw, common): (RawConfig, &Common)) -> Result<Self, Problem> {
        let socket = match raw.socket {
            Some(path) if path.as_os_str() == "off" => None,
            Some(path) => Some(path),
            None => Some(common.data_dir.join("node.sock")),
        };
        if raw.public_address.is_some() && raw.listen.is_none() {
            return Err(wrong("public_address", "there is no `listen` that it could stand for"));
        }
        if raw.quic_public_address.is_some() && raw.quic_listen.is_none() {
            return Err(wrong("quic_public_address", "there is no `quic_listen` that it could stand for"));
        }
        let messaging = Messaging::parse(raw.messaging_discovery, &raw.messaging_servers)?;
        let service = |setting: &str, text: Option<String>| {
            let Some(text) = text else { return Ok(None) };
            let address = text.parse::<ServiceAddress>().map_err(|error| wrong(setting, error))?;
            messaging.check_reaches(setting, &address)?;
            Ok::<_, Problem>(Some(address))
        };
        let transport_discovery = service("transport_discovery", raw.transport_discovery)?;
        let route_finder = service("route_finder", raw.route_finder)?;
        let (forwarding, rule_quotas) = forwarding::check(&raw.forwarding)?;
        let petnames = each("petnames", &raw.petnames, petname)?.into_iter().collect();
        Ok(Self {
            key: KeySource::File(common.key_file.clone()),
            listen: raw.listen,
            public_address: raw.public_address,
            quic_listen: raw.quic_listen,
            quic_public_address: raw.quic_public_address,
            transport_discovery,
            route_finder,
            messaging_discovery: messaging.discovery,
            messaging_servers: messaging.servers,
            trusted_setup_nodes: raw.trusted_setup_nodes,
            rule_quotas,
            transports: each("transports", &raw.transports, |text| Wanted::parse(text, &petnames))?,
            transit: raw.transit,
            forwarding,
            traversal: raw.traversal.into(),
            state_dir: Some(common.data_dir.clone()),
            petnames,
            socket,
            drain: common.drain_timeout,
        })
    }
}

fn wrong(key: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Config, format!("cannot use `{key}`"), why)
}

fn each<T>(key: &str, texts: &[String], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Problem> {
    texts.iter().map(|text| read(text).map_err(|why| wrong(key, why))).collect()
}

/// What a petname looks like, for people.
pub const PETNAME_FORM: &str = "1 to 32 characters of a-z, 0-9 and '-'";

/// Whether the text can be a petname: [`PETNAME_FORM`].
#[must_use]
pub fn is_petname(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(letter)
}

fn petname(text: &str) -> Result<(String, PublicKey), String> {
    let (name, key) = text.split_once('=').ok_or_else(|| format!("'{text}' is not NAME=KEY"))?;
    if !is_petname(name) {
        return Err(format!("'{name}': a petname is {PETNAME_FORM}"));
    }
    Ok((name.to_owned(), key.parse().map_err(|error| format!("'{key}': {error}"))?))
}

#[cfg(test)]
mod tests {
    use byway_service_kit::Loader;

    use super::*;

    fn configure(key: &str, value: &str) -> Result<Config, Problem> {
        let loaded = Loader::new("node").flag(key, value).load::<RawConfig>()?;
        Config::try_from((loaded.config, &loaded.common))
    }

    #[test]
    fn the_settings_are_sound() {
        byway_service_kit::assert_settings::<RawConfig>();
    }

    #[test]
    fn the_peer_of_a_transport_may_be_a_petname_and_its_place_a_name() {
        let key = SecretKey::from_seed([1; 32]).public();
        let named = format!("bob={key}");
        let flags =
            [("petnames", named.as_str()), ("transports", "tcp:bob@bob.example.org:9070,messaging:bob")];
        let loader = flags.iter().fold(Loader::new("node"), |loader, (key, value)| loader.flag(*key, *value));
        let loaded = loader.load::<RawConfig>().unwrap();
        let transports = Config::try_from((loaded.config, &loaded.common)).unwrap().transports;
        let seen = transports.iter().map(|wanted| {
            (wanted.kind.as_str(), wanted.peer, wanted.address.as_ref().map(ToString::to_string))
        });
        let place = Some("bob.example.org:9070".to_owned());
        assert_eq!(seen.collect::<Vec<_>>(), [("tcp", key, place), ("messaging", key, None)]);
    }

    #[test]
    fn wrong_values_name_their_setting() {
        for (key, value) in [
            ("transports", "tcp"),
            ("transports", "tcp:nobody"),
            ("transports", "tcp:a7ulf3g6rjxj4tfw77pcjv5463dmxb67zl2ajfaut6aciehfyseq@everywhere"),
            ("messaging_servers", "127.0.0.1:9094"),
            ("petnames", "Bob=x"),
            ("forwarding.memory_mib", "7"),
            ("forwarding.rate_kib", "-1"),
            ("forwarding.volume_period", "week"),
            ("forwarding.routes_per_peer", "0"),
            ("forwarding.routes_per_initiator", "0"),
            ("route_finder", "nobody@http://127.0.0.1:9092"),
            ("route_finder", "messaging://nobody"),
            ("public_address", "203.0.113.7:9070"),
            ("quic_listen", "everywhere"),
            ("traversal.enabled", "maybe"),
            ("quic_public_address", "203.0.113.7:9070"),
        ] {
            let problem = configure(key, value).unwrap_err();
            assert!(problem.code == Code::Config && problem.what.contains(key), "{problem}");
        }
    }
}
