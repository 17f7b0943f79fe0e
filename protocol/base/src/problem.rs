//! An error as a person reads it: four parts.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Code;

/// What failed, why, what to try, and a stable code. Crosses CLI, HTTP (as RFC 9457 problem details) and local API
/// unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What failed, in one clause: `cannot dial bob:80`.
    pub what: String,
    /// Why, as an observed fact: `no transport leads to bob`.
    pub why: String,
    /// What to try next, a command if there is one.
    #[serde(rename = "try")]
    pub hint: String,
}

impl Problem {
    /// A problem with the code's own hint.
    #[must_use]
    pub fn new(code: Code, what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { code, what: what.into(), why: why.to_string(), hint: code.hint().to_owned() }
    }

    /// Replaces the hint by a more fitting one.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Says what failed from the caller's point of view; the former `what` becomes part of the reason.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        self.why = format!("{}: {}", self.what, self.why);
        self.what = what.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.what, self.why, self.code)
    }
}

impl std::error::Error for Problem {}
