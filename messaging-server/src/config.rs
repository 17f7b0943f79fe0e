//! The server's settings.

use std::{net::SocketAddr, path::PathBuf};

use byway_base::{Code, Problem, limits::MESSAGING_CLIENTS};
use byway_messaging::{Rate, SwitchLimits};
use byway_service_kit::Common;

byway_service_kit::settings! {
    /// What a messaging server can be told.
    pub struct RawConfig {
        /// Address on which clients are accepted, TLS over TCP. Port 443 passes most firewalls.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9094));
        /// Host and port under which clients reach the server. Derived from `listen` if absent.
        pub public_address: Option<String> = None, example "messaging-1.example.org:443";
        /// Base URLs of messaging discovery, tried in turn. Without any the server is not listed.
        pub messaging_discovery: Vec<String> = Vec::new(), example "http://127.0.0.1:9093";
        /// Where the server stands or who runs it. Clients prefer servers of different regions.
        pub region: String = String::new();
        /// Clients held at once.
        pub capacity: u32 = MESSAGING_CLIENTS as u32;
        /// KiB per second that one client may send; 0 for no limit.
        pub client_rate_kib: u64 = 0;
        /// KiB per second that all clients together may send; 0 for no limit.
        pub server_rate_kib: u64 = 0;
        /// MiB of datagrams queued for all clients together.
        pub queue_memory_mib: u64 = 256;
    }
}

/// The settings of a messaging server, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to accept clients.
    pub listen: SocketAddr,
    /// Under which host and port they reach it, if that differs.
    pub public_address: Option<String>,
    /// Messaging discovery's base URLs.
    pub messaging_discovery: Vec<String>,
    /// For the contact record.
    pub region: String,
    /// What the switch holds and lets pass.
    pub limits: SwitchLimits,
    /// The file of the server's secret key.
    pub key_file: PathBuf,
}

/// Bytes that one sender may have queued at least, or nothing would pass.
const QUEUE_MEMORY_LEAST_MIB: u64 = 4;

impl Config {
    pub(crate) fn new(raw: RawConfig, common: &Common) -> Result<Self, Problem> {
        if raw.listen.ip().is_unspecified() && raw.public_address.is_none() {
            let why =
                format!("nobody can connect to {}; clients need an address of their own for it", raw.listen);
            return Err(Problem::new(Code::Config, "`public_address` is missing", why));
        }
        if raw.capacity == 0 || raw.capacity as usize > MESSAGING_CLIENTS {
            let why = format!("it is {}, and must be 1 to {MESSAGING_CLIENTS}", raw.capacity);
            return Err(Problem::new(Code::Config, "cannot use `capacity`", why));
        }
        if raw.queue_memory_mib < QUEUE_MEMORY_LEAST_MIB {
            let why =
                format!("it is {}, and must be at least {QUEUE_MEMORY_LEAST_MIB}", raw.queue_memory_mib);
            return Err(Problem::new(Code::Config, "cannot use `queue_memory_mib`", why));
        }
        let limits = SwitchLimits {
            clients: raw.capacity as usize,
            queues: usize::try_from(raw.queue_memory_mib.saturating_mul(1024 * 1024)).unwrap_or(usize::MAX),
            client_rate: rate(raw.client_rate_kib),
            server_rate: rate(raw.server_rate_kib),
            ..SwitchLimits::default()
        };
        Ok(Self {
            listen: raw.listen,
            public_address: raw.public_address,
            messaging_discovery: raw.messaging_discovery,
            region: raw.region,
            limits,
            key_file: common.key_file.clone(),
        })
    }
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
        let problem = configure(&[("listen", "0.0.0.0:443")]).unwrap_err();
        assert!(problem.what.contains("public_address"), "{problem}");
    }

    #[test]
    fn zero_means_no_rate_limit() {
        assert_eq!(configure(&[]).unwrap().limits.client_rate, None);
        let limits = configure(&[("client_rate_kib", "1000")]).unwrap().limits;
        assert_eq!(limits.client_rate, Some(Rate::per_second(1_024_000)));
    }
}
