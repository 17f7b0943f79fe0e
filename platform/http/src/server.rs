//! From a list of endpoints and their handlers to a listening service.

mod answer;
mod call;
mod connections;
mod events;
mod guard;
mod lines;
mod list;
mod patient;
mod rates;
mod serving;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use byway_api::{Service, openapi};
use byway_base::{
    SecretKey,
    limits::{
        HTTP_BODY_MAX, HTTP_BURST, HTTP_CONNECTIONS, HTTP_CONNECTIONS_PER_ADDRESS, HTTP_HEADER_TIMEOUT,
        HTTP_RATE, HTTP_STREAMS, HTTP_TIMEOUT,
    },
};
use byway_clock::unix_now;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

pub use answer::problem_response;
pub use call::{Call, EventStream, Feed, Handle, LineStream, Watch};
pub use list::HandleAll;
pub use rates::Rate;
pub use serving::Serving;

use rates::Rates;

use crate::{Audit, authority::Authorities, signature::RequestVerifier};

/// A service that is about to listen. It does not compile until every endpoint of the service is handled:
///
/// ```compile_fail,E0277
/// struct Nothing;
/// byway_http::server::Server::<byway_api::route_finder::RouteFinder>::new(std::sync::Arc::new(Nothing));
/// ```
pub struct Server<S> {
    /// The endpoints, still without the layers around them.
    routes: Routes,
    extra: Router,
    authorities: Authorities,
    secret: Option<SecretKey>,
    audit: Audit,
    limits: Limits,
    service: std::marker::PhantomData<fn() -> S>,
}

/// Makes the routes of a service's endpoints.
type Routes = Box<dyn FnOnce(&Arc<Context>) -> Router + Send>;

/// The bounds of a server; the defaults are those of [`byway_base::limits`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_max: usize,
    /// Time for a request, streams excepted.
    pub timeout: Duration,
    /// Time for a request's header, and for the next request on an idle connection.
    pub header_timeout: Duration,
    /// Connections in all.
    pub connections: usize,
    /// Connections from one IPv4 address or IPv6 /64.
    pub connections_per_address: usize,
    /// Streams in all.
    pub streams: usize,
    /// How often one key, or one network without a key, may ask.
    pub rate: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_max: HTTP_BODY_MAX,
            timeout: HTTP_TIMEOUT,
            header_timeout: HTTP_HEADER_TIMEOUT,
            connections: HTTP_CONNECTIONS,
            connections_per_address: HTTP_CONNECTIONS_PER_ADDRESS,
            streams: HTTP_STREAMS,
            rate: Rate { per_second: HTTP_RATE, burst: HTTP_BURST },
        }
    }
}

/// What every endpoint of a server shares.
#[doc(hidden)]
pub struct Context {
    verifier: RequestVerifier,
    audit: Audit,
    secret: Option<SecretKey>,
    limits: Limits,
    streams: Arc<Semaphore>,
    rates: Rates,
    shutdown: CancellationToken,
}

impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed_by = self.secret.as_ref().map(SecretKey::public);
        f.debug_struct("Server")
            .field("authorities", &self.authorities)
            .field("signed_by", &signed_by)
            .finish()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl<S: Service> Server<S> {
    /// A service whose every endpoint is handled by `handler`.
    #[must_use]
    pub fn new<H: HandleAll<S::Endpoints>>(handler: Arc<H>) -> Self {
        Self {
            routes: Box::new(move |context| handler.add(Router::new(), context)),
            extra: Router::new(),
            authorities: Authorities::default(),
            secret: None,
            audit: Audit::default(),
            limits: Limits::default(),
            service: std::marker::PhantomData,
        }
    }

    /// Adds a name under which others reach the service, `host`, `host:port` or a URL. Signed requests for other names
    /// are refused. The listener's own address is known without.
    #[must_use]
    pub fn authority(mut self, name: &str) -> Self {
        self.authorities.add(name);
        self
    }

    /// Signs replies with the service's key where the request asks for it.
    #[must_use]
    pub fn sign_with(mut self, secret: SecretKey) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Writes that matter are recorded there.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }

    /// Replaces the bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds routes that are no endpoints of the list, under the same timeout, panic guard and problem details.
    #[must_use]
    pub fn merge(mut self, router: Router) -> Self {
        self.extra = self.extra.merge(router);
        self
    }

    /// The service as a router, for a listener other than TCP. Its streams end on `shutdown`.
    pub fn router(self, shutdown: CancellationToken) -> Router {
        let context = Arc::new(Context {
            verifier: RequestVerifier::new(self.authorities, unix_now()),
            audit: self.audit,
            secret: self.secret,
            streams: Arc::new(Semaphore::new(self.limits.streams)),
            rates: Rates::new(self.limits.rate),
            limits: self.limits,
            shutdown,
        });
        let document = openapi::<S>();
        let describe = move || std::future::ready(axum::Json(document.clone()));
        let router = (self.routes)(&context)
            .route("/openapi.json", axum::routing::get(describe))
            .merge(self.extra)
            .fallback(answer::unknown_path)
            .method_not_allowed_fallback(answer::unknown_method);
        router.layer(axum::middleware::from_fn_with_state(context, guard::guard))
    }

    /// The service, ready for connections, those of `listener` and others. Its streams end on `shutdown`.
    #[must_use]
    pub fn prepare(mut self, listener: &TcpListener, shutdown: CancellationToken) -> Serving {
        match listener.local_addr() {
            Ok(address) => self.authorities.add_bound(address),
            Err(error) => tracing::warn!(%error, "the listener does not tell its address"),
        }
        let limits = self.limits.clone();
        Serving::new(self.router(shutdown.clone()), limits, shutdown)
    }

    /// Serves HTTP/1.1 on `listener` until `shutdown` is cancelled and what is under way is finished: streams end at
    /// once, other requests have the time of one request.
    ///
    /// Cancel safety: dropping the future closes the listener and every connection.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        self.prepare(&listener, shutdown).listen(listener).await;
    }
}

/// The address of the peer of a connection, in a request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);
