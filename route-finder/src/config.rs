//! The service's settings.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use byway_base::{
    Code, Problem,
    limits::{MIRROR_AGE_MAX, SEARCH_WORKERS, SEARCH_WORKERS_MAX},
};
use byway_http::ServiceAddress;
use byway_messaging_client::Messaging;
use byway_service_kit::Common;

byway_service_kit::settings! {
    /// What a route finder can be told.
    pub struct RawConfig {
        /// Address on which path queries are answered.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9092));
        /// URL under which others reach the service, if it is not the address above.
        pub public_url: Option<String> = None, example "https://routes.example.org";
        /// Base URLs of the replicas of one transport discovery, tried in turn; with `KEY@` before one, only replies
        /// signed by that key count. messaging://KEY is reached through messaging.
        pub transport_discovery: Vec<String> = vec!["http://127.0.0.1:9091".to_owned()];
        /// Base URLs of messaging discovery, tried in turn. With one, or with `messaging_servers`, the service is also
        /// reached through messaging, by its key alone: messaging://KEY.
        pub messaging_discovery: Vec<String> = Vec::new(), example "http://127.0.0.1:9093";
        /// Messaging servers to use beside those that discovery names, as KEY@IP:PORT.
        pub messaging_servers: Vec<String> = Vec::new();
        /// Seconds without contact to transport discovery after which the mirror counts as stale.
        pub mirror_age_max_s: u64 = MIRROR_AGE_MAX.as_secs();
        /// Searches that run at once. More than there are processors gains nothing.
        pub workers: usize = SEARCH_WORKERS;
    }
}

/// What the service runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A further name that requests may be signed for.
    pub public_url: Option<String>,
    /// Replicas of one transport discovery, at least one. A key protects what nobody signs in itself: states, metrics,
    /// and that nothing is left out. Entries are verified in any case.
    pub transport_discovery: Vec<ServiceAddress>,
    /// Through which messaging the service is reached by its key, and reaches others by theirs; none by default.
    pub messaging: Messaging,
    /// Age from which on the mirror counts as stale; [`MIRROR_AGE_MAX`] by default.
    pub mirror_age_max: Duration,
    /// Searches that run at once, 1 to [`SEARCH_WORKERS_MAX`].
    pub workers: usize,
    /// The service's key, created if need be. Replies are signed with it.
    pub key_file: PathBuf,
}

impl Config {
    pub(crate) fn parse(raw: RawConfig, common: &Common) -> Result<Self, Problem> {
        if raw.transport_discovery.is_empty() {
            return Err(wrong("transport_discovery", "it is empty; there would be nothing to find paths in"));
        }
        if !(1..=SEARCH_WORKERS_MAX).contains(&raw.workers) {
            return Err(wrong(
                "workers",
                format!("it is {}, and must be 1 to {SEARCH_WORKERS_MAX}", raw.workers),
            ));
        }
        let messaging = Messaging::parse(raw.messaging_discovery, &raw.messaging_servers)?;
        let transport_discovery = raw.transport_discovery.iter().map(|text| {
            let address =
                text.parse::<ServiceAddress>().map_err(|error| wrong("transport_discovery", error))?;
            messaging.check_reaches("transport_discovery", &address)?;
            Ok(address)
        });
        Ok(Self {
            listen: raw.listen,
            public_url: raw.public_url,
            transport_discovery: transport_discovery.collect::<Result<_, Problem>>()?,
            messaging,
            mirror_age_max: Duration::from_secs(raw.mirror_age_max_s),
            workers: raw.workers,
            key_file: common.key_file.clone(),
        })
    }
}

fn wrong(setting: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Config, format!("cannot use `{setting}`"), why)
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;
    use byway_service_kit::{Loader, assert_settings};

    use super::*;

    fn configure(flags: &[(&str, &str)]) -> Result<Config, Problem> {
        let flag = |loader: Loader, (key, value): &(&str, &str)| loader.flag(*key, *value);
        let loaded = flags.iter().fold(Loader::new("route-finder"), flag).load::<RawConfig>()?;
        Config::parse(loaded.config, &loaded.common)
    }

    #[test]
    fn the_settings_are_unambiguous_and_their_sample_is_the_default() {
        assert_settings::<RawConfig>();
        assert_eq!(configure(&[]).unwrap().mirror_age_max, MIRROR_AGE_MAX);
    }

    #[test]
    fn a_discovery_may_be_named_with_the_key_that_signs_its_replies() {
        let key = SecretKey::from_seed([1; 32]).public();
        let text = format!("{key}@http://a:1,http://user@b:2/");
        let config = configure(&[("transport_discovery", &text)]).unwrap();
        let [first, second] = &config.transport_discovery[..] else { panic!("there are two") };
        assert_eq!((first.url.as_str(), first.key), ("http://a:1", Some(key)));
        assert_eq!((second.url.as_str(), second.key), ("http://user@b:2/", None));
    }

    #[test]
    fn a_discovery_behind_a_key_needs_messaging() {
        let text = format!("messaging://{}", SecretKey::from_seed([1; 32]).public());
        let problem = configure(&[("transport_discovery", &text)]).unwrap_err();
        assert!(problem.code == Code::Config && problem.what.contains("transport_discovery"), "{problem}");
        let messaging = ("messaging_discovery", "http://127.0.0.1:9093");
        assert!(configure(&[("transport_discovery", &text), messaging]).is_ok());
    }

    #[test]
    fn wrong_values_name_their_setting() {
        for (key, value) in [("workers", "0"), ("workers", "257"), ("transport_discovery", "me@http://a:1")] {
            let problem = configure(&[(key, value)]).unwrap_err();
            assert!(problem.code == Code::Config && problem.what.contains(key), "{problem}");
        }
    }
}
