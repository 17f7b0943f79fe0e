//! A reverse proxy that signs what it passes on.

use std::{convert::Infallible, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use byway_base::SecretKey;
use byway_clock::unix_now;
use byway_http::signature::{Target, fresh_nonce, sign_request};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
    request::Parts,
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    client, server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixStream},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Time for an answer: longer than any service takes for one.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where a service listens.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// An address.
    Tcp(String),
    /// A socket of this machine.
    Unix(PathBuf),
}

/// A reverse proxy in front of one service, gone when dropped. Methods, paths, queries, headers and bodies pass as they
/// are. Of a stream of events only the head passes, since it has no end.
#[derive(Debug)]
pub struct SigningProxy {
    address: SocketAddr,
    _running: DropGuard,
}

impl SigningProxy {
    /// Starts it on a free port of loopback. Without a key it signs nothing.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(upstream: Upstream, key: Option<SecretKey>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stop = CancellationToken::new();
        let serving = serve(listener, Arc::new(Passage { upstream, key }));
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Self { address, _running: stop.drop_guard() }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the service behind it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// What each request goes through.
struct Passage {
    upstream: Upstream,
    key: Option<SecretKey>,
}

async fn serve(listener: TcpListener, passage: Arc<Passage>) {
    while let Ok((stream, _)) = listener.accept().await {
        let passage = Arc::clone(&passage);
        let pass = service_fn(move |request| {
            let passage = Arc::clone(&passage);
            async move { Ok::<_, Infallible>(passage.answer(request).await) }
        });
        tokio::spawn(server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), pass));
    }
}

impl Passage {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let passed = timeout(PATIENCE, self.pass(request)).await;
        passed.unwrap_or_else(|late| Err(io::Error::other(late))).unwrap_or_else(|error| {
            // No status of ours, so that it shows as what it is: nothing that a service answers.
            let mut failed = Response::new(Full::from(format!("the service broke off: {error}")));
            *failed.status_mut() = StatusCode::BAD_GATEWAY;
            failed
        })
    }

    async fn pass(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let authority = match &self.upstream {
            Upstream::Tcp(address) => address,
            Upstream::Unix(_) => "localhost",
        };
        drop_hops(&mut parts.headers);
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.insert(HOST, HeaderValue::try_from(authority).map_err(io::Error::other)?);
        if let Some(key) = &self.key {
            sign(&mut parts, authority, &body, key);
        }
        let request = Request::from_parts(parts, Full::from(body));
        match &self.upstream {
            Upstream::Tcp(address) => exchange(TcpStream::connect(address).await?, request).await,
            Upstream::Unix(path) => exchange(UnixStream::connect(path).await?, request).await,
        }
    }
}

fn sign(parts: &mut Parts, authority: &str, body: &[u8], key: &SecretKey) {
    let target = Target::new(parts.method.as_str(), authority, parts.uri.path(), parts.uri.query());
    for (name, value) in sign_request(key, &target, body, unix_now(), &fresh_nonce()) {
        parts.headers.insert(name, value);
    }
}

/// Sends one request over a connection of its own.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Full<Bytes>>> {
    let (mut sender, connection) =
        client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let (mut parts, body) = response.into_parts();
    let endless = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    let body = if endless {
        connection.abort();
        Bytes::new()
    } else {
        body.collect().await.map_err(io::Error::other)?.to_bytes()
    };
    drop_hops(&mut parts.headers);
    Ok(Response::from_parts(parts, Full::from(body)))
}

/// Removes what is about one connection only.
fn drop_hops(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    headers.remove(TRANSFER_ENCODING);
}
