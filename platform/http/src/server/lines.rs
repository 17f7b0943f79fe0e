//! Replies in lines: parts, one at a time, and at the end what vouches for all of them.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use byway_api::{JSON_LINES, Line, Seal};
use byway_base::{Code, Problem};
use byway_clock::unix_now;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{Context, LineStream, events::Streaming};
use crate::signature::{ContentDigest, ReplyContext, sign_reply};

/// A reply that is being sent.
struct Sending<T> {
    parts: LineStream<T>,
    /// Of the lines so far.
    digest: ContentDigest,
    /// What the reply is bound to, if it was asked to be signed.
    asked: Option<ReplyContext>,
    context: Arc<Context>,
    _held: OwnedSemaphorePermit,
}

/// Sends parts until there are no more, one of them is a problem, the reader leaves or the service drains.
pub(super) fn respond<T: Serialize + Send + 'static>(
    parts: LineStream<T>,
    asked: Option<ReplyContext>,
    permit: OwnedSemaphorePermit,
    context: &Arc<Context>,
) -> Response {
    let digest = ContentDigest::default();
    let sending = Sending { parts, digest, asked, context: context.clone(), _held: permit };
    let lines = stream::unfold(Some(sending), async |sending| {
        let (line, sending) = sending?.next().await;
        Some((Ok::<_, Infallible>(line), sending))
    });
    let body = Body::from_stream(lines);
    let mut response = ([(CONTENT_TYPE, JSON_LINES)], body).into_response();
    response.extensions_mut().insert(Streaming);
    response
}

impl<T: Serialize> Sending<T> {
    /// The next line, and what follows it if it is not the last.
    async fn next(mut self) -> (Bytes, Option<Self>) {
        let part = self.context.shutdown.run_until_cancelled(self.parts.next()).await;
        let line = match part {
            Some(Some(Ok(part))) => encode(&Line::Part(part)),
            Some(Some(Err(problem))) => Err(problem),
            Some(None) => return (self.end(), None),
            None => Err(cut_off("the service is stopping")),
        };
        match line {
            Ok(line) => {
                self.digest.update(&line);
                (line, Some(self))
            }
            Err(problem) => {
                tracing::debug!(%problem, "a reply in lines ends early");
                (encode(&Line::<()>::Problem(problem.into())).unwrap_or_default(), None)
            }
        }
    }

    fn end(self) -> Bytes {
        let seal = self.context.secret.as_ref().zip(self.asked).map(|(secret, asked)| {
            let digest = Some(self.digest.finish());
            let headers = sign_reply(secret, &asked, StatusCode::OK, digest, unix_now());
            let [content_digest, signature_input, signature] =
                <[_; 3]>::try_from(headers).expect("a signed reply with a digest has three fields");
            let text = |(_, value): (_, HeaderValue)| value.to_str().unwrap_or_default().to_owned();
            Seal {
                content_digest: text(content_digest),
                signature_input: text(signature_input),
                signature: text(signature),
            }
        });
        encode(&Line::<()>::End { seal }).unwrap_or_default()
    }
}

fn encode<T: Serialize>(line: &Line<T>) -> Result<Bytes, Problem> {
    let mut json = serde_json::to_vec(line)
        .map_err(|error| Problem::new(Code::Internal, "cannot write a part of the reply", error))?;
    json.push(b'\n');
    Ok(json.into())
}

fn cut_off(why: &str) -> Problem {
    Problem::new(Code::NotReady, "cannot give the rest of the reply", why)
}
