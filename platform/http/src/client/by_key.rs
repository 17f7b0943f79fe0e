//! Calls to a service by its key: each is one HTTP/1.1 connection on a stream of its own, which costs no round trip where
//! the connection beneath exists.

use std::io;

use byway_base::{Code, Problem, PublicKey, limits::HTTP_HEADER_FIELDS};
use futures_util::future::BoxFuture;
use http::{HeaderValue, header::HOST};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use reqwest::{Body, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

use super::reply::chain;

/// Bytes in both directions. Dropping it before its end tells the other side that nobody waits any more.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for T {}

/// Opens streams to services by their public keys, and vouches that nobody else is at their other ends.
pub trait Dial: Send + Sync + 'static {
    /// A new stream to the service `key`. One that fails with [`io::ErrorKind::TimedOut`] was opened on a connection
    /// whose peer said nothing at all; the next stream is opened on another connection.
    fn dial(&self, key: PublicKey) -> BoxFuture<'_, Result<Box<dyn ByteStream>, Problem>>;
}

/// Sends a request and waits for the head of its reply. The same bytes are sent once more if the peer said nothing at all,
/// as one that was restarted: should it have heard the first after all, its nonce tells.
pub(super) async fn exchange(
    dial: &dyn Dial,
    key: PublicKey,
    mut request: Request,
) -> Result<Response, Problem> {
    let host = HeaderValue::try_from(key.to_string())
        .map_err(|error| Problem::new(Code::Internal, unreachable_service(key), error))?;
    request.headers_mut().insert(HOST, host);
    let again = request.try_clone();
    match attempt(dial, key, request).await {
        Err(Failure::Silent(problem)) => match again {
            Some(request) => attempt(dial, key, request).await.map_err(Failure::problem),
            None => Err(problem),
        },
        outcome => outcome.map_err(Failure::problem),
    }
}

/// Why there is no reply.
enum Failure {
    /// The peer said nothing at all.
    Silent(Problem),
    Other(Problem),
}

impl Failure {
    fn of(key: PublicKey, error: &hyper::Error) -> Self {
        let problem = Problem::new(Code::ServiceUnreachable, unreachable_service(key), chain(error));
        if is_silence(error) { Self::Silent(problem) } else { Self::Other(problem) }
    }

    fn problem(self) -> Problem {
        match self {
            Self::Silent(problem) | Self::Other(problem) => problem,
        }
    }
}

fn unreachable_service(key: PublicKey) -> String {
    format!("cannot reach the service {} through messaging", key.short())
}

fn is_silence(error: &hyper::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::TimedOut;
        }
        cause = error.source();
    }
    false
}

async fn attempt(dial: &dyn Dial, key: PublicKey, request: Request) -> Result<Response, Failure> {
    let stream = dial.dial(key).await.map_err(Failure::Other)?;
    let mut request = http::Request::<Body>::try_from(request)
        .map_err(|error| Failure::Other(Problem::new(Code::Internal, unreachable_service(key), error)))?;
    // To a service itself a request names a path, and the host in its header (RFC 9112, 3.2.1).
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = path.into();
    }
    let builder = http1::Builder::new().max_headers(HTTP_HEADER_FIELDS).clone();
    let shaken = builder.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|error| Failure::of(key, &error))?;
    // Dropped with the reply, or with this future: then the stream goes as well.
    let driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = sender.send_request(request).await.map_err(|error| Failure::of(key, &error))?;
    let response = response.map(|body| {
        Body::wrap(body.map_frame(move |frame| {
            let _driven = &driver;
            frame
        }))
    });
    Ok(response.into())
}
