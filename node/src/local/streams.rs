//! The parts of the local API that turn a connection into a byte stream.
//!
//! `POST /v1/dial` opens a stream to an app elsewhere. `POST /v1/listen/{port}` opens a port and holds it for as long as
//! the connection lasts; each `POST /v1/accept/{port}` becomes the next stream that a peer opened to it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use byway_api::local::{DialRequest, FROM_HEADER, ROUTES_HEADER, STREAM_PROTOCOL};
use byway_base::{Code, OverlayAddress, Port, Problem};
use byway_http::server::problem_response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, copy_bidirectional_with_sizes},
    sync::Mutex as AsyncMutex,
};
use tracing::debug;

use super::Api;
use crate::{Listener, OverlayStream};

/// Bytes of a dial request.
const DIAL_REQUEST_MAX: usize = 64 * 1024;
/// Buffer of each direction between a local connection and an overlay stream, bytes.
const COPY_BUFFER: usize = 64 * 1024;

/// The ports that local apps hold.
#[derive(Default)]
pub(super) struct Holds {
    listeners: Mutex<BTreeMap<Port, Arc<AsyncMutex<Listener>>>>,
}

/// A problem as the answer to a request.
struct Refused(Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        problem_response(self.0)
    }
}

/// The routes of this file.
pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/dial", post(dial))
        .route("/v1/listen/{port}", post(listen))
        .route("/v1/accept/{port}", post(accept))
        .with_state(api)
}

async fn dial(State(api): State<Arc<Api>>, mut request: Request) -> Result<Response<Body>, Refused> {
    let upgrade = upgrade_of(&mut request)?;
    let body = axum::body::to_bytes(request.into_body(), DIAL_REQUEST_MAX).await;
    let body = body.map_err(|error| usage("cannot read the request", error))?;
    let wanted: DialRequest =
        serde_json::from_slice(&body).map_err(|error| usage("cannot read the request", error))?;
    let key = api.node.resolve(&wanted.peer)?;
    let port = port_of(&wanted.port.to_string())?;
    let choice = api.choice(wanted.policy.as_deref(), wanted.path)?;
    let (stream, routes) = api.node.dial(OverlayAddress { key, port }, choice).await?;
    let routes: Vec<_> = routes.iter().map(|info| api.node.route_view(info)).collect();
    let routes = serde_json::to_string(&routes).map_err(|error| internal(&error))?;
    tokio::spawn(carry(upgrade, stream));
    switch(Some((ROUTES_HEADER, routes)))
}

async fn listen(
    State(api): State<Arc<Api>>,
    Path(port): Path<String>,
    mut request: Request,
) -> Result<Response<Body>, Refused> {
    let upgrade = upgrade_of(&mut request)?;
    let port = port_of(&port)?;
    let listener = api.node.listen(port)?;
    api.holds.listeners.lock().insert(port, Arc::new(AsyncMutex::new(listener)));
    tokio::spawn(async move {
        if let Ok(held) = upgrade.await {
            // Nothing is expected on it: the end of the connection is the end of the hold.
            let _ = TokioIo::new(held).read(&mut [0]).await;
        }
        api.holds.listeners.lock().remove(&port);
    });
    switch(None)
}

async fn accept(
    State(api): State<Arc<Api>>,
    Path(port): Path<String>,
    mut request: Request,
) -> Result<Response<Body>, Refused> {
    let upgrade = upgrade_of(&mut request)?;
    let port = port_of(&port)?;
    let gone = || Problem::new(Code::NotFound, format!("cannot accept on port {port}"), "no app holds it");
    let listener = api.holds.listeners.lock().get(&port).cloned();
    let listener = listener.ok_or_else(|| gone().with_hint("hold the port first: POST /v1/listen/{port}"))?;
    let health = api.node.health();
    let incoming = tokio::select! {
        incoming = async { listener.lock().await.accept().await } => incoming.ok_or_else(gone)?,
        // Nobody must wait here for a stream when the node stops: the node waits for its callers.
        () = health.draining() => {
            let what = format!("cannot accept on port {port}");
            return Err(Problem::new(Code::NotReady, what, "the node is stopping").into());
        }
    };
    tokio::spawn(carry(upgrade, incoming.stream));
    switch(Some((FROM_HEADER, incoming.from.to_string())))
}

fn upgrade_of(request: &mut Request) -> Result<OnUpgrade, Refused> {
    let wanted = request.headers().get(header::UPGRADE).is_some_and(|value| value == STREAM_PROTOCOL);
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().filter(|_| wanted);
    let why = format!("the request does not ask for `Upgrade: {STREAM_PROTOCOL}`");
    upgrade.ok_or_else(|| usage("cannot open a stream", why))
}

fn port_of(text: &str) -> Result<Port, Refused> {
    let what = || format!("cannot use the port '{text}'");
    Ok(text.parse().map_err(|error| Problem::new(Code::BadAddress, what(), error))?)
}

fn switch(header: Option<(&'static str, String)>) -> Result<Response<Body>, Refused> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(STREAM_PROTOCOL));
    if let Some((name, value)) = header {
        headers.insert(name, HeaderValue::from_str(&value).map_err(|error| internal(&error))?);
    }
    Ok(response)
}

/// Carries bytes both ways until both sides are done or one breaks.
async fn carry(upgrade: OnUpgrade, mut stream: OverlayStream) {
    let mut local = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => return debug!(%error, "a local connection was not upgraded"),
    };
    if let Err(error) = copy_bidirectional_with_sizes(&mut local, &mut stream, COPY_BUFFER, COPY_BUFFER).await
    {
        debug!(%error, "a local stream broke");
    }
}

fn usage(what: &str, why: impl std::fmt::Display) -> Refused {
    Refused(Problem::new(Code::Usage, what, why))
}

fn internal(error: &dyn std::fmt::Display) -> Refused {
    Refused(Problem::new(Code::Internal, "cannot answer", error))
}
