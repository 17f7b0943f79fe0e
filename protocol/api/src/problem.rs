//! Problems on HTTP: problem details.

use byway_base::{Code, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The content type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A [`Problem`] as problem details for HTTP APIs (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemDetails {
    /// `urn:byway:error:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What failed; the same as `what`.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Why; the same as `why`.
    pub detail: String,
    /// The problem in its four parts.
    #[serde(flatten)]
    pub problem: Problem,
}

impl From<Problem> for ProblemDetails {
    fn from(problem: Problem) -> Self {
        Self {
            kind: format!("urn:byway:error:{}", problem.code),
            title: problem.what.clone(),
            status: problem.code.http_status(),
            detail: problem.why.clone(),
            problem,
        }
    }
}

impl From<Code> for ProblemDetails {
    fn from(code: Code) -> Self {
        Problem::new(code, code.meaning().trim(), code.as_str()).into()
    }
}

impl From<ProblemDetails> for Problem {
    fn from(details: ProblemDetails) -> Self {
        details.problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_crosses_http_unchanged() {
        let problem =
            Problem::new(Code::NoPath, "cannot find a path", "no transport leads there").with_hint("wait");
        let json = serde_json::to_value(ProblemDetails::from(problem.clone())).unwrap();
        assert_eq!((&json["type"], &json["status"]), (&"urn:byway:error:BW-NO-PATH".into(), &404.into()));
        assert_eq!((&json["code"], &json["try"]), (&"BW-NO-PATH".into(), &"wait".into()));
        let details: ProblemDetails = serde_json::from_value(json).unwrap();
        assert_eq!(Problem::from(details), problem);
    }
}
