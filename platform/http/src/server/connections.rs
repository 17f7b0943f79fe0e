//! The listener's loop: bounded connections, deadlines against those who dawdle, and draining.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body};
use byway_base::limits::{HTTP_HEADER_FIELDS, HTTP_HEADER_MAX, HTTP_TIMEOUT};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{Limits, Peer};

/// Pause after the system refused a connection, as it does when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections per address; only for look-up.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A connection's place among all and among its address's; given back on drop.
struct Place {
    counts: Counts,
    address: IpAddr,
    _among_all: OwnedSemaphorePermit,
}

impl Place {
    /// `None` if the address has as many as it may.
    fn take(counts: &Counts, peer: SocketAddr, max: usize, among_all: OwnedSemaphorePermit) -> Option<Self> {
        let address = network(peer.ip());
        {
            let mut counts = counts.lock();
            let count = counts.entry(address).or_default();
            if *count >= max {
                return None;
            }
            *count += 1;
        }
        Some(Self { counts: counts.clone(), address, _among_all: among_all })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Whom an address is counted for: one host commands a whole IPv6 /64.
pub(super) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => std::net::Ipv6Addr::from_bits(ip.to_bits() & (!0 << 64)).into(),
    }
}

pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let counts = Counts::default();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, among_all)) => {
                let Some(place) = Place::take(&counts, peer, limits.connections_per_address, among_all)
                else {
                    tracing::debug!(%peer, "closed a connection beyond its address's bound");
                    metrics::counter!("byway_http_connections_refused_total").increment(1);
                    continue;
                };
                let (router, limits, shutdown) = (router.clone(), limits.clone(), shutdown.clone());
                connections.spawn(async move {
                    let _place = place;
                    configure(&stream);
                    converse(stream, Some(Peer(peer)), router, &limits, shutdown).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.timeout, drained).await.is_err() {
        tracing::warn!(left = connections.len(), "closing connections that did not finish in time");
        connections.shutdown().await;
    }
}

/// Takes a place first, so that connections beyond the bound wait in the kernel.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// Serves one connection until its peer leaves, or `shutdown` is cancelled and the request under way is answered.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Option<Peer>,
    router: Router,
    limits: &Limits,
    shutdown: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(HTTP_HEADER_FIELDS)
        .max_header_size(HTTP_HEADER_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?peer, %error, "a connection broke");
    }
}

/// Small replies leave at once, and a peer that reads nothing for the time of a request is given up by the kernel.
fn configure(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let _best_effort = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    let _best_effort = socket.set_tcp_user_timeout(Some(HTTP_TIMEOUT));
}
