//! The serving side: connections of callers, bounded in all and for each of them.

use std::sync::Arc;

use byway_base::limits::{
    MESSAGING_CONNECTIONS_PER_PEER, SERVICE_CALLERS, SERVICE_STREAMS, SERVICE_STREAMS_PER_CONNECTION,
    SERVICE_WINDOW,
};
use byway_http::server::Serving;
use quinn::{Connection, VarInt};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::task::TaskTracker;

use super::stream::ServiceStream;
use crate::{
    acceptor::{Accepted, PeerConnections},
    places::{Place, Places},
};

/// QUIC code of a connection that is one too many.
const CLOSE_TOO_MANY: VarInt = VarInt::from_u32(2);

/// Serves HTTP/1.1 on the streams of `connections` until the service's shutdown begins and what is under way is finished,
/// as it is on TCP. One caller has [`MESSAGING_CONNECTIONS_PER_PEER`] connections with
/// [`SERVICE_STREAMS_PER_CONNECTION`] requests under way on each; there are [`SERVICE_CALLERS`] callers, and
/// [`SERVICE_STREAMS`] requests in all. Connections beyond are closed; streams beyond wait.
///
/// Cancel safety: dropping the future leaves what is under way to end by itself.
pub async fn serve_http(mut connections: PeerConnections, serving: Serving) {
    let places = Places::new(SERVICE_CALLERS, MESSAGING_CONNECTIONS_PER_PEER);
    let among_all = Arc::new(Semaphore::new(SERVICE_STREAMS));
    let tasks = TaskTracker::new();
    let stop = serving.shutdown().clone();
    while let Some(Some(accepted)) = stop.run_until_cancelled(connections.recv()).await {
        let Accepted { peer, connection, .. } = accepted;
        match places.take(peer) {
            Some(place) => {
                tasks.spawn(serve_caller(connection, serving.clone(), among_all.clone(), place));
            }
            None => {
                tracing::debug!(peer = %peer.short(), "closed a connection beyond its caller's bound");
                metrics::counter!("byway_http_connections_refused_total").increment(1);
                connection.close(CLOSE_TOO_MANY, b"too many connections");
            }
        }
    }
    tasks.close();
    if timeout(serving.limits().timeout, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "leaving callers that did not finish in time");
    }
}

async fn serve_caller(connection: Connection, serving: Serving, among_all: Arc<Semaphore>, _place: Place) {
    // What a stranger can make us hold: the window is that of a whole connection.
    connection.set_receive_window(VarInt::from_u32(SERVICE_WINDOW));
    connection.set_max_concurrent_bi_streams(VarInt::from_u32(SERVICE_STREAMS_PER_CONNECTION));
    let of_caller = Arc::new(Semaphore::new(SERVICE_STREAMS_PER_CONNECTION as usize));
    let tasks = TaskTracker::new();
    loop {
        let next = async {
            let own = of_caller.clone().acquire_owned().await.ok()?;
            let (send, receive) = connection.accept_bi().await.ok()?;
            // Last, so that callers who ask nothing hold nothing.
            let shared = among_all.clone().acquire_owned().await.ok()?;
            Some((ServiceStream::accepted(send, receive), own, shared))
        };
        let Some(Some((stream, own, shared))) = serving.shutdown().run_until_cancelled(next).await else {
            break;
        };
        let serving = serving.clone();
        tasks.spawn(async move {
            let _held = (own, shared);
            serving.converse(stream).await;
        });
    }
    tasks.close();
    tasks.wait().await;
}
