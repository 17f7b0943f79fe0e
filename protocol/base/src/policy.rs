//! The path language: one text form of what a path must and should be, the same in flags, config, API and SDK.
//!
//! Words are separated by spaces: `hops>=2 hops<=4 disjoint=3 stripe=2 via=KEY avoid=KEY types=tcp,quic
//! types=!messaging prefer=latency`. A key is given in any text form; resolving petnames happens before.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    PublicKey, TransportType,
    key::serde_as_text,
    limits::{HOPS_MAX, ROUTE_STRIPES},
};

/// What a path must be (constraints) and should be (preference). The default accepts any path and prefers latency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Fewest hops, 1 by default.
    pub hops_min: Option<u8>,
    /// Most hops, [`HOPS_MAX`] by default.
    pub hops_max: Option<u8>,
    /// How many routes that share no intermediate the route group should hold; by default one more than carry the
    /// session, as a spare.
    pub disjoint: Option<u8>,
    /// How many routes carry the session at once, for throughput: 1 by default, at most [`ROUTE_STRIPES`].
    pub stripe: Option<u8>,
    /// Nodes that every path crosses, in this order.
    pub via: Vec<PublicKey>,
    /// Nodes that no path crosses.
    pub avoid: Vec<PublicKey>,
    /// Transport types that may be used; empty means all.
    pub types: Vec<TransportType>,
    /// Transport types that must not be used.
    pub types_not: Vec<TransportType>,
    /// What to rank by.
    pub prefer: Preference,
}

/// What paths are ranked by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Preference {
    /// Composite of latency, loss, use and hops: the default.
    #[default]
    Balanced,
    /// Sum of round-trip times.
    Latency,
    /// Number of hops.
    Hops,
    /// Least throughput in use at the busiest hop.
    Throughput,
    /// Least loss.
    Loss,
}

impl Preference {
    /// Every preference with its word in the path language.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Balanced, "balanced"),
        (Self::Latency, "latency"),
        (Self::Hops, "hops"),
        (Self::Throughput, "throughput"),
        (Self::Loss, "loss"),
    ];

    /// Its word in the path language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(preference, _)| *preference == self).map_or("balanced", |(_, word)| word)
    }
}

/// A policy does not parse; `column` counts characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub struct PolicyError {
    /// Where the offending word begins.
    pub column: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl Policy {
    /// The smallest number of hops that the policy allows.
    #[must_use]
    pub fn hops_least(&self) -> usize {
        usize::from(self.hops_min.unwrap_or(1)).max(1)
    }

    /// The largest number of hops that the policy allows.
    #[must_use]
    pub fn hops_most(&self) -> usize {
        self.hops_max.map_or(HOPS_MAX, |max| usize::from(max).min(HOPS_MAX))
    }

    /// How many routes without a common intermediate to hold.
    #[must_use]
    pub fn routes_wanted(&self) -> usize {
        self.disjoint.map_or(self.routes_active() + 1, usize::from).max(self.routes_active())
    }

    /// How many of them carry the session at once.
    #[must_use]
    pub fn routes_active(&self) -> usize {
        usize::from(self.stripe.unwrap_or(1).clamp(1, ROUTE_STRIPES))
    }

    /// Whether a transport type may be used.
    #[must_use]
    pub fn allows_type(&self, kind: &TransportType) -> bool {
        (self.types.is_empty() || self.types.contains(kind)) && !self.types_not.contains(kind)
    }

    fn apply(&mut self, word: &str) -> Result<(), String> {
        let number = |text: &str| match text.parse::<u8>() {
            Ok(n) if usize::from(n) <= HOPS_MAX => Ok(n),
            _ => Err(format!("'{text}' is no number from 0 to {HOPS_MAX}")),
        };
        if let Some(rest) = word.strip_prefix("hops") {
            if let Some(n) = rest.strip_prefix(">=") {
                self.hops_min = Some(number(n)?);
            } else if let Some(n) = rest.strip_prefix("<=") {
                self.hops_max = Some(number(n)?);
            } else if let Some(n) = rest.strip_prefix('=') {
                (self.hops_min, self.hops_max) = (Some(number(n)?), Some(number(n)?));
            } else {
                return Err("write hops>=N, hops<=N or hops=N".into());
            }
            return Ok(());
        }
        let (name, value) = word.split_once('=').ok_or_else(|| format!("'{word}' has no '='"))?;
        match name {
            "disjoint" => self.disjoint = Some(number(value)?),
            "stripe" => self.stripe = Some(stripe(value)?),
            "via" => self.via.extend(keys(value)?),
            "avoid" => self.avoid.extend(keys(value)?),
            "types" => {
                for text in value.split(',') {
                    let (list, text) = match text.strip_prefix('!') {
                        Some(text) => (&mut self.types_not, text),
                        None => (&mut self.types, text),
                    };
                    list.push(TransportType::new(text).map_err(|e| format!("'{text}': {e}"))?);
                }
            }
            "prefer" => {
                let known = Preference::ALL.iter().find(|(_, word)| *word == value);
                self.prefer = known.map(|(preference, _)| *preference).ok_or_else(|| {
                    format!("'{value}' is none of balanced, latency, hops, throughput, loss")
                })?;
            }
            _ => {
                return Err(format!("'{name}' is none of hops, disjoint, stripe, via, avoid, types, prefer"));
            }
        }
        Ok(())
    }
}

fn stripe(value: &str) -> Result<u8, String> {
    let number = value.parse().ok().filter(|n| (1..=ROUTE_STRIPES).contains(n));
    number.ok_or_else(|| format!("'{value}' is no number from 1 to {ROUTE_STRIPES}"))
}

fn keys(value: &str) -> Result<Vec<PublicKey>, String> {
    value.split(',').map(|text| text.parse().map_err(|e| format!("'{text}': {e}"))).collect()
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        let mut column = 1;
        for word in text.split(' ') {
            if !word.is_empty() {
                policy.apply(word).map_err(|reason| PolicyError { column, reason })?;
            }
            column += word.chars().count() + 1;
        }
        let via = policy.via.len() + 1;
        if policy.hops_least() > policy.hops_most() || via > policy.hops_most() {
            let reason = "no number of hops can satisfy hops and via together".into();
            return Err(PolicyError { column: 1, reason });
        }
        if let Some(key) = policy.via.iter().find(|key| policy.avoid.contains(key)) {
            let reason = format!("{} is in via and in avoid", key.short());
            return Err(PolicyError { column: 1, reason });
        }
        Ok(policy)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        match (self.hops_min, self.hops_max) {
            (Some(min), Some(max)) if min == max => words.push(format!("hops={min}")),
            (min, max) => {
                words.extend(min.map(|n| format!("hops>={n}")));
                words.extend(max.map(|n| format!("hops<={n}")));
            }
        }
        words.extend(self.disjoint.map(|n| format!("disjoint={n}")));
        words.extend(self.stripe.map(|n| format!("stripe={n}")));
        words.extend(self.via.iter().map(|key| format!("via={key}")));
        words.extend(self.avoid.iter().map(|key| format!("avoid={key}")));
        words.extend(self.types.iter().map(|kind| format!("types={kind}")));
        words.extend(self.types_not.iter().map(|kind| format!("types=!{kind}")));
        if self.prefer != Preference::default() {
            words.push(format!("prefer={}", self.prefer.as_str()));
        }
        f.write_str(&words.join(" "))
    }
}

serde_as_text!(Policy, "Policy", "^[ -~]*$");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SecretKey;

    #[test]
    fn a_policy_reads_back_from_its_text() {
        let key = SecretKey::from_seed([5; 32]).public();
        let text = format!("hops>=3 disjoint=3 stripe=2 via={key} types=tcp types=!messaging prefer=latency");
        let policy: Policy = text.parse().unwrap();
        assert_eq!(policy.to_string(), text);
        assert_eq!((policy.hops_least(), policy.prefer), (3, Preference::Latency));
    }

    #[test]
    fn errors_point_at_the_column_of_the_offending_word() {
        let error = "hops>=3 prefer=speed".parse::<Policy>().unwrap_err();
        assert_eq!(error.column, 9);
        assert_eq!("hop=3".parse::<Policy>().unwrap_err().column, 1);
        assert_eq!("hops<=2 hops>=3".parse::<Policy>().unwrap_err().column, 1);
    }

    #[test]
    fn a_spare_is_held_beside_the_routes_that_carry_the_session_unless_told_otherwise() {
        let routes = |text: &str| {
            let policy: Policy = text.parse().unwrap();
            (policy.routes_active(), policy.routes_wanted())
        };
        assert_eq!([routes(""), routes("stripe=1"), routes("stripe=3")], [(1, 2), (1, 2), (3, 4)]);
        assert_eq!([routes("disjoint=1"), routes("disjoint=0")], [(1, 1), (1, 1)]);
        assert_eq!([routes("stripe=2 disjoint=2"), routes("disjoint=1 stripe=4")], [(2, 2), (4, 4)]);
    }

    #[test]
    fn a_session_cannot_be_striped_over_no_route_or_over_more_than_the_limit() {
        for bad in ["stripe=0", "stripe=9", "stripe=", "stripe=two"] {
            let error = bad.parse::<Policy>().unwrap_err();
            assert!(error.reason.contains("from 1 to 8"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_policy_parsing_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Policy>();
        }
    }
}
