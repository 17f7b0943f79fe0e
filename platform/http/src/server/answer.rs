//! Requests in, replies and problems out.

use axum::{
    RequestPartsExt,
    body::Body,
    extract::{Path, Query, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use byway_api::{AuthClass, Endpoint, PROBLEM_JSON, ProblemDetails};
use byway_base::{Code, Problem, Stamp};
use byway_clock::unix_now;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{Call, Context, Peer, rates::Caller};
use crate::signature::{CONTENT_DIGEST, Refusal, content_digest};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// When to ask again, seconds: a token comes sooner, a database that is away does not.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Reads, authenticates and parses a request, in this order: who has no right to speak learns nothing of the parser.
pub(super) async fn accept<E: Endpoint>(request: Request, context: &Context) -> Result<Call<E>, Problem> {
    let (mut parts, body) = request.into_parts();
    let body = read(body, context.limits.body_max).await?;
    let (signer, stamp) = match E::Auth::AUTH {
        byway_api::Auth::Signed => {
            let (signer, stamp) = context.verifier.verify(&parts, &body, unix_now())?;
            // Only now, as else anyone could use up another's.
            context.rates.take(Caller::Key(signer))?;
            (Some(signer), stamp)
        }
        byway_api::Auth::Open => {
            if let Some(caller) = Caller::unsigned(parts.extensions.get().copied()) {
                context.rates.take(caller)?;
            }
            check_digest(&parts.headers, &body)?;
            (None, Stamp::default())
        }
    };
    let caller = E::Auth::caller(signer).ok_or(Refusal::Unsigned)?;
    let Path(path) = parts.extract::<Path<E::Path>>().await.map_err(|e| unusable("path", e.body_text()))?;
    let Query(query) = Query::try_from_uri(&parts.uri).map_err(|e| unusable("query", e.body_text()))?;
    let body = parse_body(&parts.headers, &body)?;
    let last_event_id = parts.headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()?.parse().ok());
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    Ok(Call { caller, stamp, path, query, body, last_event_id, peer, extensions: parts.extensions })
}

async fn read(body: Body, max: usize) -> Result<Bytes, Problem> {
    let what = "cannot read the request's body";
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Code::TooLarge, what, format_args!("it has more than {max} bytes")))
        }
        Err(_) => {
            Err(Problem::new(Code::Usage, what, "the connection broke, or the body is not framed as it says"))
        }
    }
}

/// A digest that comes unasked must fit too: a signed reply vouches for the request that bears it.
fn check_digest(headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let mut given = headers.get_all(CONTENT_DIGEST).iter();
    let fits = given.next().is_none_or(|digest| *digest == content_digest(body) && given.next().is_none());
    if fits { Ok(()) } else { Err(Refusal::Digest.into()) }
}

fn parse_body<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        // `()` reads from null; whatever needs a body says so.
        return serde_json::from_value(serde_json::Value::Null)
            .map_err(|_| unusable("body", "there is none, but the endpoint needs one".to_owned()));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(unusable("body", "its content-type is not application/json".to_owned()));
    }
    let axum::Json(value) = axum::Json::from_bytes(body).map_err(|e| unusable("body", e.body_text()))?;
    Ok(value)
}

fn unusable(part: &str, why: String) -> Problem {
    Problem::new(Code::Usage, format!("cannot use the request's {part}"), why)
}

/// A reply as JSON; `()` as no content.
pub(super) fn reply<T: serde::Serialize>(value: &T) -> Result<Response, Problem> {
    let json = serde_json::to_vec(value)
        .map_err(|error| Problem::new(Code::Internal, "cannot write the reply", error))?;
    if json == b"null" {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

/// A problem as problem details (RFC 9457) with its code's status.
#[must_use]
pub fn problem_response(problem: Problem) -> Response {
    respond(problem.into())
}

fn respond(details: ProblemDetails) -> Response {
    let Problem { code, what, why, .. } = &details.problem;
    match code {
        Code::Internal => tracing::error!(%code, what, why, "request failed"),
        _ => tracing::debug!(%code, what, why, "request refused"),
    }
    let status = StatusCode::from_u16(details.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = serde_json::to_vec(&details).unwrap_or_default();
    let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], json).into_response();
    if matches!(details.problem.code, Code::Limit | Code::NotReady) {
        response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    }
    response
}

pub(super) async fn unknown_path(uri: Uri) -> Response {
    let why = format_args!("the service has no path '{}'", uri.path()).to_string();
    std::future::ready(problem_response(Problem::new(Code::NotFound, "cannot answer the request", why))).await
}

pub(super) async fn unknown_method(method: Method, uri: Uri) -> Response {
    let why = format!("'{}' does not take {method}", uri.path());
    let mut details = ProblemDetails::from(Problem::new(Code::Usage, "cannot answer the request", why));
    details.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
    std::future::ready(respond(details)).await
}
