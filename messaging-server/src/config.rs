//! The server's settings.

use std::{fmt, net::SocketAddr, path::PathBuf};

use byway_base::{
    Code, Problem,
    limits::{MESSAGING_CLIENTS, MESSAGING_LINKS},
};
use byway_messaging::{Rate, SwitchLimits};
use byway_net::HostPort;
use byway_service_kit::Common;

byway_service_kit::settings! {
    /// What a messaging server can be told.
    pub struct RawConfig {
        /// Addresses on which clients are accepted, TLS over TCP. Port 443 passes most firewalls; `[::]` takes IPv4 too.
        pub listen: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 9094))];
        /// Addresses on which clients are accepted over UDP, with QUIC, and STUN is answered. Those of `listen` if empty;
        /// `off` for none.
        pub quic_listen: Vec<String> = Vec::new(), example "[::]:443";
        /// Hosts and ports under which clients reach the server. Derived from `listen` if empty.
        pub public_address: Vec<String> = Vec::new(), example "messaging-1.example.org:443";
        /// The same for UDP. Those of `public_address` if empty.
        pub quic_public_address: Vec<String> = Vec::new(), example "messaging-1.example.org:443";
        /// Base URLs of messaging discovery, tried in turn. Without any the server is not listed.
        pub messaging_discovery: Vec<String> = Vec::new(), example "http://127.0.0.1:9093";
        /// Where the server stands or who runs it. Clients prefer servers of different regions.
        pub region: String = String::new();
        /// Whether datagrams are carried to and from other messaging servers, for clients that share none: `listed` for
        /// those that messaging discovery lists, `off` for none.
        pub relay: String = "listed".to_owned();
        /// Clients held at once.
        pub capacity: u32 = MESSAGING_CLIENTS as u32;
        /// Other servers linked with at once, those that were dialled and those that dialled each.
        pub links: u32 = MESSAGING_LINKS as u32;
        /// KiB per second that one client may send; 0 for no limit.
        pub client_rate_kib: u64 = 0;
        /// KiB per second that one other server may carry here; 0 for no limit.
        pub link_rate_kib: u64 = 0;
        /// KiB per second that all clients and servers together may send; 0 for no limit.
        pub server_rate_kib: u64 = 0;
        /// MiB of datagrams queued for all clients and servers together.
        pub queue_memory_mib: u64 = 256;
    }
}

/// The settings of a messaging server, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to accept clients over TCP.
    pub listen: Vec<SocketAddr>,
    /// Where to accept clients over UDP.
    pub quic_listen: QuicListen,
    /// Under which hosts and ports they reach it, if those differ.
    pub public_address: Vec<HostPort>,
    /// The same for UDP, if those differ again.
    pub quic_public_address: Vec<HostPort>,
    /// Messaging discovery's base URLs.
    pub messaging_discovery: Vec<String>,
    /// For the contact record.
    pub region: String,
    /// Whether to link with other servers, such as are listed.
    pub relay: bool,
    /// What the switch holds and lets pass.
    pub limits: SwitchLimits,
    /// The file of the server's secret key.
    pub key_file: PathBuf,
}

/// Where QUIC is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuicListen {
    /// Where TLS is, at the same ports.
    SameAddress,
    /// Nowhere.
    Off,
    /// At these addresses.
    At(Vec<SocketAddr>),
}

/// Bytes that one sender may have queued at least, or nothing would pass.
const QUEUE_MEMORY_LEAST_MIB: u64 = 4;

impl Config {
    pub(crate) fn new(raw: RawConfig, common: &Common) -> Result<Self, Problem> {
        let quic_listen = QuicListen::parse(&raw.quic_listen)?;
        check_addresses(&raw, &quic_listen)?;
        for (setting, value, most) in
            [("capacity", raw.capacity, MESSAGING_CLIENTS), ("links", raw.links, MESSAGING_LINKS)]
        {
            if value == 0 || value as usize > most {
                let why = format!("it is {value}, and must be 1 to {most}");
                return Err(cannot_use(setting, why));
            }
        }
        if raw.queue_memory_mib < QUEUE_MEMORY_LEAST_MIB {
            let why =
                format!("it is {}, and must be at least {QUEUE_MEMORY_LEAST_MIB}", raw.queue_memory_mib);
            return Err(cannot_use("queue_memory_mib", why));
        }
        let relay = match raw.relay.as_str() {
            "listed" => true,
            "off" => false,
            other => {
                return Err(cannot_use("relay", format!("it is {other}, and must be `listed` or `off`")));
            }
        };
        let limits = SwitchLimits {
            clients: raw.capacity as usize,
            links: raw.links as usize,
            queues: usize::try_from(raw.queue_memory_mib.saturating_mul(1024 * 1024)).unwrap_or(usize::MAX),
            client_rate: rate(raw.client_rate_kib),
            link_rate: rate(raw.link_rate_kib),
            server_rate: rate(raw.server_rate_kib),
            ..SwitchLimits::default()
        };
        Ok(Self {
            listen: raw.listen,
            quic_listen,
            public_address: places("public_address", &raw.public_address)?,
            quic_public_address: places("quic_public_address", &raw.quic_public_address)?,
            messaging_discovery: raw.messaging_discovery,
            region: raw.region,
            relay,
            limits,
            key_file: common.key_file.clone(),
        })
    }
}

impl QuicListen {
    fn parse(values: &[String]) -> Result<Self, Problem> {
        match values {
            [] => Ok(Self::SameAddress),
            [off] if off == "off" => Ok(Self::Off),
            addresses => {
                let wrong = |address: &str| format!("{address} is neither an address with a port nor `off`");
                let parse = |address: &String| address.parse().map_err(|_| wrong(address));
                let addresses: Result<_, _> = addresses.iter().map(parse).collect();
                addresses.map(Self::At).map_err(|why| cannot_use("quic_listen", why))
            }
        }
    }
}

fn check_addresses(raw: &RawConfig, quic: &QuicListen) -> Result<(), Problem> {
    if raw.listen.is_empty() {
        return Err(cannot_use("listen", "it is empty"));
    }
    let anywhere = |addresses: &[SocketAddr]| addresses.iter().copied().find(|at| at.ip().is_unspecified());
    let missing = |setting, at| {
        let why = format!("nobody can connect to {at}; clients need an address of their own for it");
        Err(Problem::new(Code::Config, format!("`{setting}` is missing"), why))
    };
    if let Some(at) = anywhere(&raw.listen).filter(|_| raw.public_address.is_empty()) {
        return missing("public_address", at);
    }
    match quic {
        QuicListen::At(addresses) if raw.quic_public_address.is_empty() && raw.public_address.is_empty() => {
            anywhere(addresses).map_or(Ok(()), |at| missing("quic_public_address", at))
        }
        _ => Ok(()),
    }
}

fn places(setting: &str, texts: &[String]) -> Result<Vec<HostPort>, Problem> {
    texts.iter().map(|text| text.parse().map_err(|why| cannot_use(setting, why))).collect()
}

fn cannot_use(setting: &str, why: impl fmt::Display) -> Problem {
    Problem::new(Code::Config, format!("cannot use `{setting}`"), why)
}

/// A burst of a second, and never less than a few datagrams of the largest size.
fn rate(kib_per_second: u64) -> Option<Rate> {
    let bytes_per_second = kib_per_second.saturating_mul(1024);
    (kib_per_second > 0).then(|| Rate { bytes_per_second, burst: bytes_per_second.max(128 * 1024) })
}

#[cfg(test)]
mod tests {
    use byway_service_kit::Loader;

    use super::*;

    fn configure(flags: &[(&str, &str)]) -> Result<Config, Problem> {
        let flag = |loader: Loader, (key, value): &(&str, &str)| loader.flag(*key, *value);
        let loaded = flags.iter().fold(Loader::new("messaging-server"), flag).load::<RawConfig>()?;
        Config::new(loaded.config, &loaded.common)
    }

    #[test]
    fn the_settings_are_well_formed() {
        byway_service_kit::assert_settings::<RawConfig>();
    }

    #[test]
    fn wrong_values_name_their_setting() {
        for (key, value) in [("capacity", "0"), ("queue_memory_mib", "1")] {
            let problem = configure(&[(key, value)]).unwrap_err();
            assert!(problem.code == Code::Config && problem.what.contains(key), "{problem}");
        }
        for (key, value) in [("links", "0"), ("relay", "all"), ("quic_listen", "here"), ("listen", "")] {
            let problem = configure(&[(key, value)]).unwrap_err();
            assert!(problem.code == Code::Config && problem.what.contains(key), "{problem}");
        }
        let problem = configure(&[("listen", "0.0.0.0:443")]).unwrap_err();
        assert!(problem.what.contains("public_address"), "{problem}");
        let problem = configure(&[("quic_listen", "[::]:443")]).unwrap_err();
        assert!(problem.what.contains("quic_public_address"), "{problem}");
    }

    #[test]
    fn several_addresses_of_both_families_can_be_told() {
        let flags =
            [("listen", "127.0.0.1:1,[::1]:1"), ("quic_listen", "127.0.0.1:2, [::1]:3"), ("relay", "off")];
        let config = configure(&flags).unwrap();
        assert!(config.listen.len() == 2 && !config.relay);
        let at = ["127.0.0.1:2", "[::1]:3"].map(|address| address.parse().unwrap());
        assert_eq!(config.quic_listen, QuicListen::At(at.to_vec()));
        assert_eq!(configure(&[("quic_listen", "off")]).unwrap().quic_listen, QuicListen::Off);
        let config = configure(&[("listen", "[::]:443"), ("public_address", "m.example.org:443")]).unwrap();
        assert_eq!(config.quic_listen, QuicListen::SameAddress);
    }

    #[test]
    fn zero_means_no_rate_limit() {
        assert_eq!(configure(&[]).unwrap().limits.client_rate, None);
        let limits = configure(&[("client_rate_kib", "1000")]).unwrap().limits;
        assert_eq!(limits.client_rate, Some(Rate::per_second(1_024_000)));
    }
}
