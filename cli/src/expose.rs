//! An overlay port whose every stream leads to a local app: `byway expose`.

use std::{net::SocketAddr, sync::Arc};

use byway_base::{
    OverlayAddress, Problem,
    limits::{CONNECT_TIMEOUT, LOCAL_CLIENTS},
};
use tokio::{net::TcpStream, sync::Semaphore, task::JoinSet, time::timeout};

use crate::{
    dial::{Accept, BoxedStream},
    relay,
};

/// Serves the streams of a listener from the app at `to`, [`LOCAL_CLIENTS`] at once; further ones wait in the node.
/// Runs until the listener is of no more use; dropping the future cuts every stream.
///
/// # Errors
/// Why the listener gives no more streams.
pub async fn serve(mut listener: impl Accept<Channel = BoxedStream>, to: SocketAddr) -> Result<(), Problem> {
    let places = Arc::new(Semaphore::new(LOCAL_CLIENTS));
    let mut streams = JoinSet::new();
    loop {
        while streams.try_join_next().is_some() {}
        let place = places.clone().acquire_owned().await;
        let (from, stream) = listener.accept().await?;
        streams.spawn(async move {
            let _place = place;
            carry(from, stream, to).await;
        });
    }
}

async fn carry(from: OverlayAddress, stream: BoxedStream, to: SocketAddr) {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(to)).await;
    match connected.map_err(std::io::Error::from).and_then(|connected| connected) {
        Ok(tcp) => relay::carry(tcp, stream).await,
        Err(error) => tracing::warn!(from = %from.key.short(), %to, %error, "the local app does not answer"),
    }
}
