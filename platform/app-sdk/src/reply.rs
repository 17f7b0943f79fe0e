//! Replies and problems from the node.

use bytes::Bytes;
use byway_api::ProblemDetails;
use byway_base::{Code, Problem, limits::HTTP_REPLY_MAX};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

/// Reads a whole reply, or the problem that came in its place.
pub(crate) async fn read<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, Problem> {
    let response = successful(response).await?;
    if response.status() == StatusCode::NO_CONTENT {
        return parse(b"null");
    }
    parse(&body(response).await?)
}

/// The response if it is no problem.
pub(crate) async fn successful(response: Response<Incoming>) -> Result<Response<Incoming>, Problem> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let body = body(response).await?;
    let details = serde_json::from_slice::<ProblemDetails>(&body);
    Err(details.map_or_else(|_| foreign(format!("it answered {status} without saying why")), Problem::from))
}

/// Reads JSON.
pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(json).map_err(foreign)
}

/// The other end speaks something else.
pub(crate) fn foreign(why: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Protocol, "cannot understand the node", why)
}

async fn body(response: Response<Incoming>) -> Result<Bytes, Problem> {
    match Limited::new(response.into_body(), HTTP_REPLY_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let why = format!("the reply has more than {HTTP_REPLY_MAX} bytes");
            Err(Problem::new(Code::TooLarge, "cannot hear the node out", why))
        }
        Err(error) => {
            let why = format!("the connection to its socket broke: {error}");
            Err(Problem::new(Code::NodeUnreachable, "cannot hear the node out", why))
        }
    }
}
