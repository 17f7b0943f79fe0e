//! Local TCP clients: taken in bounded number, each carried to or from a stream of the overlay.

use std::{io, net::SocketAddr, sync::Arc};

use byway_base::{
    Code, Problem,
    limits::{ACCEPT_PAUSE, LOCAL_CLIENTS},
};
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::sleep,
};

use crate::dial::BoxedStream;

/// Buffer of each direction, bytes.
const COPY_BUFFER: usize = 64 * 1024;

/// Binds a local port.
///
/// # Errors
/// [`Code::Bind`] with what speaks against it.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Problem> {
    let failed = |error| Problem::new(Code::Bind, format!("cannot listen on {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves every client in a task of its own, [`LOCAL_CLIENTS`] at once. Runs until dropped, which ends all of them.
pub(crate) async fn serve_each<F>(listener: TcpListener, serve: impl Fn(TcpStream, SocketAddr) -> F) -> !
where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(LOCAL_CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        match accept(&listener, &places).await {
            Ok((stream, peer, place)) => {
                let client = serve(stream, peer);
                clients.spawn(async move {
                    let _place = place;
                    client.await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes a place first, so that clients beyond the bound wait in the kernel.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// Carries bytes both ways until both halves have ended. When one breaks the other is reset, so that a cut transfer
/// never looks complete. An idle connection is the apps' own business and may last.
pub(crate) async fn carry(mut tcp: TcpStream, mut overlay: BoxedStream) {
    let _best_effort = tcp.set_nodelay(true);
    match copy_bidirectional_with_sizes(&mut tcp, &mut overlay, COPY_BUFFER, COPY_BUFFER).await {
        Ok((to_overlay, from_overlay)) => tracing::debug!(to_overlay, from_overlay, "a stream ended"),
        Err(error) => {
            tracing::debug!(%error, "a stream broke");
            reset(&tcp);
        }
    }
}

/// Makes the end of a connection look like what it is: not an end.
pub(crate) fn reset(tcp: &TcpStream) {
    // The system refuses only when the connection is gone already.
    let _best_effort = tcp.set_zero_linger();
}
