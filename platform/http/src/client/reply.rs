//! From a reply's bytes to its value or problem.

use std::{error::Error, fmt};

use byway_api::ProblemDetails;
use byway_base::{Code, Problem};
use http::StatusCode;
use reqwest::Url;
use serde::de::DeserializeOwned;

/// Characters of a foreign error page that are worth showing.
const EXCERPT: usize = 200;

/// A reply's value; no content is `()`.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(not_of_form)
}

pub(super) fn not_of_form(why: impl fmt::Display) -> Problem {
    Problem::new(Code::Protocol, "cannot understand the service's reply", why)
}

/// The problem that a reply other than success tells; one that is not ours (a proxy's, say) by its status.
pub(super) fn problem(base: &Url, status: StatusCode, body: &[u8]) -> Problem {
    if let Ok(details) = serde_json::from_slice::<ProblemDetails>(body) {
        return details.into();
    }
    let excerpt: String =
        String::from_utf8_lossy(body).chars().take(EXCERPT).filter(|c| !c.is_control()).collect();
    let code = match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => Code::ServiceUnreachable,
        StatusCode::GATEWAY_TIMEOUT => Code::Timeout,
        StatusCode::TOO_MANY_REQUESTS => Code::Limit,
        _ => Code::Protocol,
    };
    Problem::new(code, format!("cannot use the reply of {base}"), format!("it is {status}: {excerpt}"))
}

/// An error and what caused it, each once.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.dedup();
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
