//! A service at work, wherever its connections come from.

use std::fmt;

use axum::Router;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;

use super::{Limits, connections, patient::Patient};

/// Serves connections; made by [`Server::prepare`](super::Server::prepare). Clones are the same service: what one accepted
/// the others do not accept again.
#[derive(Clone)]
pub struct Serving {
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
}

impl Serving {
    pub(super) fn new(router: Router, limits: Limits, shutdown: CancellationToken) -> Self {
        Self { router, limits, shutdown }
    }

    /// Its bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Cancelled when the service is to stop.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Serves HTTP/1.1 on `listener` until the shutdown begins and what is under way is finished: streams end at once,
    /// other requests have the time of one request.
    ///
    /// Cancel safety: dropping the future closes the listener and every connection.
    pub async fn listen(self, listener: TcpListener) {
        connections::serve(listener, self.router, self.limits, self.shutdown).await;
    }

    /// Serves HTTP/1.1 on one stream that came another way, under the same deadlines, until its peer leaves, or the
    /// shutdown begins and the request under way is answered. How many there are at once is the caller's to bound.
    ///
    /// Cancel safety: dropping the future drops the stream.
    pub async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let stream = Patient::new(stream, self.limits.timeout);
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        connections::converse(stream, None, router, &self.limits, shutdown).await;
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("limits", &self.limits).finish_non_exhaustive()
    }
}
