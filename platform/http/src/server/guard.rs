//! What surrounds every request: deadline, panic guard, signature of the reply, log and metrics.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use byway_base::{Code, Problem, SecretKey};
use byway_clock::unix_now;
use futures_util::FutureExt;
use http::StatusCode;
use http_body_util::BodyExt;
use tracing::Instrument;

use super::{Context, answer::problem_response, events::Streaming};
use crate::signature::{ReplyContext, content_digest, sign_reply};

pub(super) async fn guard(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = known_method(request.method());
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |p| p.as_str().to_owned());
    let span = tracing::debug_span!("request", method, path);
    let (parts, body) = request.into_parts();
    let reply_context = context.secret.as_ref().and_then(|secret| Some((secret, ReplyContext::of(&parts)?)));
    let request = Request::from_parts(parts, body);
    let response = answer(&context, request, next).instrument(span.clone()).await;
    let response = match reply_context {
        Some((secret, asked)) => sign(secret, &asked, response).instrument(span.clone()).await,
        None => response,
    };
    let (status, elapsed) = (response.status().as_u16(), begun.elapsed());
    span.in_scope(|| tracing::debug!(status, elapsed_us = elapsed.as_micros(), "answered"));
    let labels = [("method", method.to_owned()), ("path", path), ("status", status.to_string())];
    metrics::counter!("byway_http_requests_total", &labels).increment(1);
    metrics::histogram!("byway_http_request_seconds", &labels[..2]).record(elapsed.as_secs_f64());
    response
}

async fn answer(context: &Context, request: Request, next: Next) -> Response {
    let guarded = AssertUnwindSafe(next.run(request)).catch_unwind();
    let (code, why) = match tokio::time::timeout(context.limits.timeout, guarded).await {
        Ok(Ok(response)) => return response,
        // The panic's own text is in the log of the panic hook; it is none of the caller's business.
        Ok(Err(_)) => (Code::Internal, "the handler panicked".to_owned()),
        Err(_) => (Code::Timeout, format!("it took longer than {} ms", context.limits.timeout.as_millis())),
    };
    problem_response(Problem::new(code, "cannot answer the request", why))
}

async fn sign(secret: &SecretKey, asked: &ReplyContext, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Response::from_parts(parts, body);
    }
    let (body, digested) = if parts.extensions.get::<Streaming>().is_some() {
        (body, None)
    } else {
        match body.collect().await {
            Ok(whole) => {
                let bytes = whole.to_bytes();
                (Body::from(bytes.clone()), Some(content_digest(&bytes)))
            }
            Err(error) => {
                return problem_response(Problem::new(Code::Internal, "cannot write the reply", error));
            }
        }
    };
    parts.headers.extend(sign_reply(secret, asked, parts.status, digested, unix_now()));
    Response::from_parts(parts, body)
}

/// Method names come from the peer; labels must not.
fn known_method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
