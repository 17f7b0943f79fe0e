//! Where a service is: at a URL, or behind its public key.

use std::{fmt, str::FromStr};

use byway_base::PublicKey;

/// The scheme of services that are reached through messaging, by their key alone.
pub(crate) const BY_KEY: &str = "messaging";

/// A service as configuration names it: `http://HOST:PORT`, `https://HOST`, either with `KEY@` before it, or
/// `messaging://KEY`. A path behind it is put before the paths of the endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAddress {
    /// Base URL.
    pub url: String,
    /// Only answers signed by this key count. Not needed with a `messaging` URL, whose connection proves the key.
    pub key: Option<PublicKey>,
}

/// Why a text names no service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// What should be a key is none.
    #[error("'{text}': {why}")]
    Key {
        /// What was written in its place.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// A `messaging` URL is its key, and perhaps a path.
    #[error("'{0}' is not messaging://KEY")]
    Form(String),
    /// The answers of a service are not signed by another service's key.
    #[error("'{0}' names two different keys")]
    TwoKeys(String),
}

impl ServiceAddress {
    /// The key by which the service is reached; `None` if it has a URL of its own, or what should be a key is none.
    #[must_use]
    pub fn by_key(&self) -> Option<PublicKey> {
        let (scheme, rest) = self.url.split_once("://")?;
        let host = rest.split('/').next().unwrap_or_default();
        if scheme.eq_ignore_ascii_case(BY_KEY) { host.parse().ok() } else { None }
    }

    /// Whether the URL is of the scheme `messaging`, well-formed or not.
    fn wants_messaging(&self) -> bool {
        self.url.split(':').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(BY_KEY))
    }
}

impl FromStr for ServiceAddress {
    type Err = AddressError;

    /// Other schemes than `messaging` are judged by [`Client`](crate::client::Client).
    fn from_str(text: &str) -> Result<Self, AddressError> {
        // An `@` further on belongs to the URL.
        let split = text.split_once('@').filter(|(key, _)| !key.contains('/'));
        let (key, url) = match split {
            None => (None, text),
            Some((key, url)) => {
                let wrong =
                    |why: &dyn fmt::Display| AddressError::Key { text: key.into(), why: why.to_string() };
                (Some(key.parse().map_err(|error| wrong(&error))?), url)
            }
        };
        let address = Self { url: url.to_owned(), key };
        if !address.wants_messaging() {
            return Ok(address);
        }
        let reached = address.by_key().ok_or_else(|| AddressError::Form(url.to_owned()))?;
        match key {
            Some(key) if key != reached => Err(AddressError::TwoKeys(text.to_owned())),
            _ => Ok(Self { key: None, ..address }),
        }
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}@{}", self.url),
            None => f.write_str(&self.url),
        }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    #[test]
    fn a_service_may_be_named_with_the_key_that_signs_its_answers() {
        let pinned: ServiceAddress = format!("{}@http://a:1", key(1)).parse().unwrap();
        assert_eq!((pinned.url.as_str(), pinned.key), ("http://a:1", Some(key(1))));
        let plain: ServiceAddress = "http://user@b:2/".parse().unwrap();
        assert_eq!((plain.url.as_str(), plain.key), ("http://user@b:2/", None));
        assert_eq!(plain.by_key(), None);
    }

    #[test]
    fn a_service_may_be_named_by_its_key_alone() {
        for (text, path) in
            [(format!("messaging://{}", key(1)), ""), (format!("Messaging://{}/a/b", key(1)), "/a/b")]
        {
            let address: ServiceAddress = text.parse().unwrap();
            assert!(address.url.ends_with(path) && address.key.is_none(), "{address}");
            assert_eq!(address.by_key(), Some(key(1)));
        }
        let twice: ServiceAddress = format!("{0}@messaging://{0}", key(1)).parse().unwrap();
        assert_eq!(twice.by_key(), Some(key(1)));
    }

    #[test]
    fn what_names_no_key_or_two_is_refused() {
        let two = format!("{}@messaging://{}", key(1), key(2));
        for text in ["messaging://nobody", "messaging:", "messaging://", "nobody@http://a:1", &two] {
            assert!(text.parse::<ServiceAddress>().is_err(), "{text}");
        }
        let port = format!("messaging://{}:80", key(1));
        assert!(port.parse::<ServiceAddress>().is_err());
    }
}
