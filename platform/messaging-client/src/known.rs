//! What configuration says of messaging.

use std::sync::Arc;

use byway_base::{Code, Problem, SecretKey};
use byway_http::ServiceAddress;

use crate::{
    config::{Config, ServerAddress},
    directory::HttpDirectory,
};

/// The messaging that a program takes part in, as its configuration names it in `messaging_discovery` and
/// `messaging_servers`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messaging {
    /// Messaging discovery: the URLs of its replicas.
    pub discovery: Vec<String>,
    /// Servers known without it.
    pub servers: Vec<ServerAddress>,
}

impl Messaging {
    /// Reads both settings.
    ///
    /// # Errors
    /// `BW-CONFIG`, naming the setting: a server that is not KEY@IP:PORT; a discovery that is reached through messaging
    /// servers where none is known without it.
    pub fn parse(discovery: Vec<String>, servers: &[String]) -> Result<Self, Problem> {
        let servers = servers.iter().map(|text| text.parse::<ServerAddress>());
        let servers = servers.collect::<Result<_, _>>().map_err(|why| wrong("messaging_servers", why))?;
        let messaging = Self { discovery, servers };
        messaging.check()?;
        Ok(messaging)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.discovery.is_empty() && self.servers.is_empty()
    }

    /// Checks that it can begin: a discovery behind a key is found through servers that are known without it.
    ///
    /// # Errors
    /// `BW-CONFIG`.
    pub fn check(&self) -> Result<(), Problem> {
        for url in &self.discovery {
            let address =
                url.parse::<ServiceAddress>().map_err(|error| wrong("messaging_discovery", error))?;
            if address.by_key().is_some() && self.servers.is_empty() {
                let why = format!("{url} is reached through messaging servers, and none is known without it");
                return Err(wrong("messaging_discovery", why).with_hint(
                    "name the servers that messaging discovery uses in `messaging_servers`, as KEY@IP:PORT",
                ));
            }
        }
        Ok(())
    }

    /// Checks that the service at `address`, which `setting` names, can be reached: by key only through messaging.
    ///
    /// # Errors
    /// `BW-CONFIG`.
    pub fn check_reaches(&self, setting: &str, address: &ServiceAddress) -> Result<(), Problem> {
        if address.by_key().is_none() || !self.is_off() {
            return Ok(());
        }
        let why = format!("{address} is reached through messaging, of which nothing is known");
        Err(wrong(setting, why).with_hint("set `messaging_discovery` or `messaging_servers`"))
    }

    /// What to start a client of `identity` with. It accepts nothing yet.
    ///
    /// # Errors
    /// `BW-CONFIG` if discovery is no URL.
    pub fn client(&self, identity: &SecretKey) -> Result<Config, Problem> {
        let mut config = Config::new(identity.clone());
        if !self.discovery.is_empty() {
            config.directory = Some(Arc::new(HttpDirectory::new(&self.discovery, identity)?));
        }
        config.servers.clone_from(&self.servers);
        Ok(config)
    }
}

fn wrong(setting: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Config, format!("cannot use `{setting}`"), why)
}

#[cfg(test)]
mod tests {
    use byway_base::PublicKey;

    use super::*;

    fn key() -> PublicKey {
        SecretKey::from_seed([1; 32]).public()
    }

    #[test]
    fn a_discovery_behind_a_key_needs_servers_that_are_known_without_it() {
        let url = format!("messaging://{}", key());
        let problem = Messaging::parse(vec![url.clone()], &[]).unwrap_err();
        assert!(problem.code == Code::Config && problem.what.contains("messaging_discovery"), "{problem}");
        assert!(problem.hint.contains("messaging_servers"));
        let server = format!("{}@127.0.0.1:9094", key());
        assert!(Messaging::parse(vec![url], &[server]).is_ok());
        assert!(Messaging::parse(vec!["http://127.0.0.1:9093".into()], &[]).is_ok());
    }

    #[test]
    fn a_service_behind_a_key_needs_messaging() {
        let service = format!("messaging://{}", key()).parse().unwrap();
        let problem = Messaging::default().check_reaches("route_finder", &service).unwrap_err();
        assert!(problem.code == Code::Config && problem.what.contains("route_finder"), "{problem}");
        let some = Messaging { discovery: vec!["http://127.0.0.1:9093".into()], servers: Vec::new() };
        assert_eq!(some.check_reaches("route_finder", &service), Ok(()));
        let plain = "http://127.0.0.1:9092".parse().unwrap();
        assert_eq!(Messaging::default().check_reaches("route_finder", &plain), Ok(()));
    }
}
