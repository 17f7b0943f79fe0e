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

/// A service that may break a rule, and why.
pub(crate) struct Exception {
    pub(crate) service: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) because: &'static str,
}

const OF_DEBIAN: &str =
    "PostgreSQL's image begins as root, gives the volume to its own user and goes on as that";

/// All of them. One that is no longer needed is an error.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception { service: "database", rule: rights::USER, because: OF_DEBIAN },
    Exception { service: "database", rule: rights::CAPABILITIES, because: OF_DEBIAN },
    Exception {
        service: "database",
        rule: rights::READ_ONLY,
        because: "PostgreSQL's image writes to several places outside of its volume",
    },
    Exception {
        service: "database",
        rule: lifecycle::INIT,
        because: "the postmaster reaps its own children",
    },
];

impl Exception {
    pub(crate) fn excuses(&self, breach: &Breach) -> bool {
        breach.service == self.service && breach.rule == self.rule
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
