//! What each service of the compose file must be.

mod lifecycle;
mod reach;
mod rights;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::file::{Compose, Service};

/// A rule for every service. It says what is wrong, or nothing.
pub(crate) struct Rule {
    pub(crate) sentence: &'static str,
    pub(crate) breach: fn(&Compose, &Service<'_>) -> Option<String>,
}

/// A service that does not keep a rule.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) service: String,
    pub(crate) rule: &'static str,
    why: String,
}

/// Services that may break rules, and why.
pub(crate) struct Exception {
    pub(crate) services: &'static [&'static str],
    pub(crate) rules: &'static [&'static str],
    pub(crate) because: &'static str,
}

/// All of them. One that is no longer needed is an error.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        services: &["database"],
        rules: &[rights::USER, rights::CAPABILITIES],
        because: "PostgreSQL's image begins as root, gives the volume to its own user and goes on as that",
    },
    Exception {
        services: &["database"],
        rules: &[rights::READ_ONLY],
        because: "PostgreSQL's image writes to several places outside of its volume",
    },
    Exception {
        services: &["database"],
        rules: &[lifecycle::INIT],
        because: "the postmaster reaps its own children",
    },
    Exception {
        services: &["alice-router", "alice-lan", "bob-router", "bob-lan"],
        rules: &[rights::USER, rights::CAPABILITIES, rights::READ_ONLY],
        because: "a home of the demonstration changes routes, addresses and the names that it knows",
    },
    Exception {
        services: &["alice-router", "alice-lan", "bob-router", "bob-lan"],
        rules: &[lifecycle::HEALTH],
        because: "whether a router routes shows in the node behind it",
    },
    Exception {
        services: &["alice-lan", "bob-lan"],
        rules: &[lifecycle::DEPENDENCIES],
        because: "a router has no health to wait for; the machine behind it waits for its name",
    },
    Exception {
        services: &["alice-proxy", "bob-site", "bob-expose"],
        rules: &[lifecycle::HEALTH],
        because: "a command beside a node ends when it cannot work, and is started again",
    },
];

impl Exception {
    pub(crate) fn excuses(&self, breach: &Breach) -> bool {
        self.services.contains(&breach.service.as_str()) && self.rules.contains(&breach.rule)
    }

    /// Each service and rule of it that nobody breaks.
    pub(crate) fn needless(&self, breaches: &[Breach]) -> Vec<String> {
        let pairs =
            self.services.iter().flat_map(|service| self.rules.iter().map(move |rule| (service, rule)));
        let broken = |(service, rule): &(&&str, &&str)| {
            breaches.iter().any(|breach| breach.service == **service && breach.rule == **rule)
        };
        let unbroken = pairs.filter(|pair| !broken(pair));
        unbroken.map(|(service, rule)| format!("{service} keeps the rule '{rule}' by now")).collect()
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} breaks the rule '{}': {}", self.service, self.rule, self.why)
    }
}

/// Every breach, those that are excused included.
pub(crate) fn breaches(compose: &Compose) -> Vec<Breach> {
    let rules = || rights::RULES.iter().chain(reach::RULES).chain(lifecycle::RULES);
    let mut found = Vec::new();
    for service in compose.services() {
        let broken = rules().filter_map(|rule| Some((rule.sentence, (rule.breach)(compose, &service)?)));
        found.extend(broken.map(|(rule, why)| Breach { service: service.name.to_owned(), rule, why }));
    }
    found
}

#[test]
fn every_exception_has_a_reason() {
    assert!(EXCEPTIONS.iter().all(|exception| exception.because.contains(' ')));
}
