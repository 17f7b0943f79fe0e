//! From what a person writes to a key: any text form, a petname, or a unique prefix of a known key.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use byway_api::local::{RouteHop, RouteView};
use byway_base::{Code, Policy, Problem, PublicKey};

use crate::{HopInfo, Node, RouteInfo};

/// The names that a node knows.
struct Names<'a> {
    /// Petnames.
    petnames: &'a BTreeMap<String, PublicKey>,
    /// Keys whose prefixes count.
    known: BTreeSet<PublicKey>,
}

impl Names<'_> {
    /// The key that `text` stands for.
    fn resolve(&self, text: &str) -> Result<PublicKey, Problem> {
        if let Some(key) = self.petnames.get(text) {
            return Ok(*key);
        }
        if let Ok(key) = text.parse() {
            return Ok(key);
        }
        let what = || format!("cannot tell who '{text}' is");
        let prefix = text.to_ascii_lowercase();
        let known = self.known.iter().chain(self.petnames.values()).collect::<BTreeSet<_>>();
        let mut fits =
            known.into_iter().filter(|key| prefix.len() >= 4 && key.to_string().starts_with(&prefix));
        match (fits.next(), fits.next()) {
            (Some(key), None) => Ok(*key),
            (Some(_), Some(_)) => {
                Err(Problem::new(Code::Ambiguous, what(), "several known keys begin like that"))
            }
            (None, _) => {
                let names = self.petnames.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let names = if names.is_empty() {
                    "there are no petnames".to_owned()
                } else {
                    format!("the petnames are {names}")
                };
                Err(Problem::new(
                    Code::BadKey,
                    what(),
                    format!("it is no key, petname or prefix of a known key; {names}"),
                ))
            }
        }
    }

    /// A policy whose keys may be petnames or prefixes.
    fn policy(&self, text: &str) -> Result<Policy, Problem> {
        let mut words = Vec::new();
        for word in text.split(' ') {
            match word.split_once('=') {
                Some((name @ ("via" | "avoid"), value)) => {
                    let keys = value.split(',').map(|text| Ok(self.resolve(text)?.to_string()));
                    words.push(format!("{name}={}", keys.collect::<Result<Vec<_>, Problem>>()?.join(",")));
                }
                _ => words.push(word.to_owned()),
            }
        }
        // The text is parsed as it was written where no name was replaced, so that columns are those of the user.
        let replaced = words.join(" ");
        replaced
            .parse()
            .map_err(|error| Problem::new(Code::BadPolicy, format!("cannot read the policy '{text}'"), error))
    }
}

impl Node {
    fn names(&self) -> Names<'_> {
        let transports = self.transports().into_iter().map(|transport| transport.peer);
        let trusted = self.config().trusted_setup_nodes.iter().copied();
        Names { petnames: &self.config().petnames, known: transports.chain(trusted).collect() }
    }

    /// The key that a person means: any text form of a key, a petname, or a prefix of at least four characters that only
    /// one known key has.
    ///
    /// # Errors
    /// [`Code::BadKey`] if nobody is meant, [`Code::Ambiguous`] if several are.
    pub fn resolve(&self, text: &str) -> Result<PublicKey, Problem> {
        self.names().resolve(text)
    }

    /// A policy in which keys may be written as for [`Self::resolve`].
    ///
    /// # Errors
    /// [`Code::BadPolicy`] with the column, or what [`Self::resolve`] says of a key.
    pub fn read_policy(&self, text: &str) -> Result<Policy, Problem> {
        self.names().policy(text)
    }

    /// The petname of a key.
    #[must_use]
    pub fn name_of(&self, key: &PublicKey) -> Option<String> {
        self.config().petnames.iter().find(|(_, named)| *named == key).map(|(name, _)| name.clone())
    }

    /// A route in the words of the local API, with the petnames of this node.
    #[must_use]
    pub fn route_view(&self, info: &RouteInfo) -> RouteView {
        let hop = |hop: &HopInfo| RouteHop {
            transport: hop.transport,
            kind: hop.kind.clone(),
            to: hop.to,
            name: self.name_of(&hop.to),
            rtt_us: micros(hop.rtt),
        };
        RouteView {
            route: info.route,
            active: info.active,
            rtt_us: info.rtt.map(micros),
            hops: info.hops.iter().map(hop).collect(),
        }
    }
}

/// Whole microseconds.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    #[test]
    fn petnames_keys_and_unique_prefixes_stand_for_a_key() {
        let petnames = BTreeMap::from([("bob".to_owned(), key(1))]);
        let names = Names { petnames: &petnames, known: BTreeSet::from([key(2)]) };
        assert_eq!(names.resolve("bob"), Ok(key(1)));
        assert_eq!(names.resolve(&key(3).to_hex()), Ok(key(3)));
        assert_eq!(names.resolve(&key(2).to_string()[..6]), Ok(key(2)));
        assert_eq!(names.resolve("nobody").unwrap_err().code, Code::BadKey);
    }

    #[test]
    fn a_prefix_of_several_keys_is_ambiguous_and_a_short_one_is_none() {
        let known: BTreeSet<_> = (0..=255).map(key).collect();
        let names = Names { petnames: &BTreeMap::new(), known: known.clone() };
        let first = known.first().unwrap().to_string();
        assert_eq!(names.resolve(&first[..2]).unwrap_err().code, Code::BadKey);
        assert!(names.resolve(&first[..12]).is_ok());
    }

    #[test]
    fn petnames_in_a_policy_are_replaced_and_unknown_ones_refused() {
        let petnames = BTreeMap::from([("bob".to_owned(), key(1))]);
        let names = Names { petnames: &petnames, known: BTreeSet::new() };
        assert_eq!(names.policy("hops>=2 via=bob").unwrap().via, [key(1)]);
        assert_eq!(names.policy("via=eve").unwrap_err().code, Code::BadKey);
        assert_eq!(names.policy("hops>2").unwrap_err().code, Code::BadPolicy);
    }
}
