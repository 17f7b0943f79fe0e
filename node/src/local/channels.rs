//! The parts of the local API that turn a connection into something between two apps.
//!
//! One request dials an app elsewhere. Another opens a port and holds it for as long as its connection lasts; each
//! request to accept on that port becomes the next that a peer opened to it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use byway_api::local::{DialRequest, FROM_HEADER, ROUTES_HEADER};
use byway_base::{Code, OverlayAddress, Port, Problem};
use byway_http::server::problem_response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{io::AsyncReadExt, sync::Mutex as AsyncMutex};
use tracing::debug;

use super::Api;
use crate::{Listener, Node, PathChoice, RouteInfo};

/// Bytes of a dial request.
const DIAL_REQUEST_MAX: usize = 64 * 1024;

/// What a connection can become.
pub(super) trait Channel: Sized + Send + 'static {
    /// The word for it in the header `Upgrade`.
    const PROTOCOL: &'static str;
    /// The path of requests that dial.
    const DIAL: &'static str;
    /// The path of requests that hold a port.
    const LISTEN: &'static str;
    /// The path of requests that accept.
    const ACCEPT: &'static str;
    /// What a listener gives.
    type Incoming: Send + 'static;

    fn holds(api: &Api) -> &Holds<Self::Incoming>;

    fn listen(node: &Node, port: Port) -> Result<Listener<Self::Incoming>, Problem>;

    fn dial(
        node: &Node,
        to: OverlayAddress,
        choice: PathChoice,
    ) -> impl Future<Output = Result<(Self, Vec<RouteInfo>), Problem>> + Send;

    /// Who opened it, and what it is.
    fn parts(incoming: Self::Incoming) -> (OverlayAddress, Self);

    /// Carries both ways between the local connection and the overlay, until either ends.
    fn carry(self, local: TokioIo<Upgraded>) -> impl Future<Output = ()> + Send;
}

/// The ports that local apps hold.
pub(super) struct Holds<T> {
    listeners: Mutex<BTreeMap<Port, Arc<AsyncMutex<Listener<T>>>>>,
}

impl<T> Default for Holds<T> {
    fn default() -> Self {
        Self { listeners: Mutex::default() }
    }
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

/// The requests for one kind of channel.
pub(super) fn router<C: Channel>(api: Arc<Api>) -> Router {
    Router::new()
        .route(C::DIAL, post(dial::<C>))
        .route(C::LISTEN, post(listen::<C>))
        .route(C::ACCEPT, post(accept::<C>))
        .with_state(api)
}

async fn dial<C: Channel>(
    State(api): State<Arc<Api>>,
    mut request: Request,
) -> Result<Response<Body>, Refused> {
    let upgrade = upgrade_of::<C>(&mut request)?;
    let body = axum::body::to_bytes(request.into_body(), DIAL_REQUEST_MAX).await;
    let body = body.map_err(|error| usage("cannot read the request", error))?;
    let wanted: DialRequest =
        serde_json::from_slice(&body).map_err(|error| usage("cannot read the request", error))?;
    let key = api.node.resolve(&wanted.peer)?;
    let port = port_of(&wanted.port.to_string())?;
    let choice = api.choice(wanted.policy.as_deref(), wanted.path)?;
    let (channel, routes) = C::dial(&api.node, OverlayAddress { key, port }, choice).await?;
    let routes: Vec<_> = routes.iter().map(|info| api.node.route_view(info)).collect();
    let routes = serde_json::to_string(&routes).map_err(|error| internal(&error))?;
    tokio::spawn(carry(upgrade, channel));
    switch::<C>(Some((ROUTES_HEADER, routes)))
}

async fn listen<C: Channel>(
    State(api): State<Arc<Api>>,
    Path(port): Path<String>,
    mut request: Request,
) -> Result<Response<Body>, Refused> {
    let upgrade = upgrade_of::<C>(&mut request)?;
    let port = port_of(&port)?;
    let listener = C::listen(&api.node, port)?;
    C::holds(&api).listeners.lock().insert(port, Arc::new(AsyncMutex::new(listener)));
    tokio::spawn(async move {
        if let Ok(held) = upgrade.await {
            // Nothing is expected on it: the end of the connection is the end of the hold.
            let _ = TokioIo::new(held).read(&mut [0]).await;
        }
        C::holds(&api).listeners.lock().remove(&port);
    });
    switch::<C>(None)
}

async fn accept<C: Channel>(
    State(api): State<Arc<Api>>,
    Path(port): Path<String>,
    mut request: Request,
) -> Result<Response<Body>, Refused> {
    let upgrade = upgrade_of::<C>(&mut request)?;
    let port = port_of(&port)?;
    let gone = || Problem::new(Code::NotFound, format!("cannot accept on port {port}"), "no app holds it");
    let listener = C::holds(&api).listeners.lock().get(&port).cloned();
    let hold = || gone().with_hint(format!("hold the port first: POST {}", C::LISTEN));
    let listener = listener.ok_or_else(hold)?;
    let health = api.node.health();
    let incoming = tokio::select! {
        incoming = async { listener.lock().await.accept().await } => incoming.ok_or_else(gone)?,
        // Nobody must wait here for a peer when the node stops: the node waits for its callers.
        () = health.draining() => {
            let what = format!("cannot accept on port {port}");
            return Err(Problem::new(Code::NotReady, what, "the node is stopping").into());
        }
    };
    let (from, channel) = C::parts(incoming);
    tokio::spawn(carry(upgrade, channel));
    switch::<C>(Some((FROM_HEADER, from.to_string())))
}

fn upgrade_of<C: Channel>(request: &mut Request) -> Result<OnUpgrade, Refused> {
    let wanted = request.headers().get(header::UPGRADE).is_some_and(|value| value == C::PROTOCOL);
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().filter(|_| wanted);
    let why = format!("the request does not ask for `Upgrade: {}`", C::PROTOCOL);
    upgrade.ok_or_else(|| usage("cannot turn the connection into what was asked for", why))
}

fn port_of(text: &str) -> Result<Port, Refused> {
    let what = || format!("cannot use the port '{text}'");
    Ok(text.parse().map_err(|error| Problem::new(Code::BadAddress, what(), error))?)
}

fn switch<C: Channel>(header: Option<(&'static str, String)>) -> Result<Response<Body>, Refused> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(C::PROTOCOL));
    if let Some((name, value)) = header {
        headers.insert(name, HeaderValue::from_str(&value).map_err(|error| internal(&error))?);
    }
    Ok(response)
}

async fn carry<C: Channel>(upgrade: OnUpgrade, channel: C) {
    match upgrade.await {
        Ok(upgraded) => channel.carry(TokioIo::new(upgraded)).await,
        Err(error) => debug!(%error, "a local connection was not upgraded"),
    }
}

fn usage(what: &str, why: impl std::fmt::Display) -> Refused {
    Refused(Problem::new(Code::Usage, what, why))
}

fn internal(error: &dyn std::fmt::Display) -> Refused {
    Refused(Problem::new(Code::Internal, "cannot answer", error))
}
