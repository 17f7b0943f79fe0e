//! The end of a session's channels that accepts them.

use std::{future::pending, sync::Arc};

use byway_base::{
    OverlayAddress, Port,
    limits::{HANDSHAKE_TIMEOUT, SESSION_CHANNELS},
};
use byway_net::{
    Identity,
    quic::{self, QuicProfile},
};
use quinn::{Endpoint, Incoming};
use tokio::{sync::mpsc::OwnedPermit, task::JoinSet};
use tracing::{debug, info};

use super::{ALPN, CLOSE_DENIED, CLOSE_DONE, Datagrams, path::DatagramPath};
use crate::{
    group::{Group, OWN},
    listeners::{IncomingDatagrams, Listeners},
};

/// Accepts the channels that the source of a group opens to a port. Runs until dropped, which closes all of them. Costs
/// next to nothing until the first packet comes.
pub(crate) async fn serve(
    identity: &Identity,
    from: OverlayAddress,
    port: Port,
    group: Arc<Group>,
    listeners: &Listeners,
) {
    let path = DatagramPath::new(group);
    path.arrived().await;
    match quic::endpoint(path, OWN, identity, &[ALPN], &QuicProfile::datagrams()) {
        // In memory of its own, so that a group without channels has none of it.
        Ok(endpoint) => Box::pin(accept(Closing(endpoint), from, port, listeners)).await,
        Err(error) => debug!(%error, "no endpoint for channels"),
    }
    // The session does not end with its channels.
    pending::<()>().await;
}

/// Closes the channels when the session is over.
struct Closing(Endpoint);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close(CLOSE_DONE.into(), b"done");
    }
}

async fn accept(endpoint: Closing, from: OverlayAddress, port: Port, listeners: &Listeners) {
    let Closing(endpoint) = &endpoint;
    let mut handshakes = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        while handshakes.try_join_next().is_some() {}
        let place =
            listeners.datagrams.place(port).filter(|_| endpoint.open_connections() < SESSION_CHANNELS);
        match place {
            Some(place) => {
                handshakes.spawn(hand_over(incoming, from, place));
            }
            None => incoming.refuse(),
        }
    }
}

/// Completes a handshake and hands the channel to the app, which keeps a place for it.
async fn hand_over(incoming: Incoming, from: OverlayAddress, place: OwnedPermit<IncomingDatagrams>) {
    match quic::accept(incoming, HANDSHAKE_TIMEOUT).await {
        // The routes belong to the source that signed for them. Nobody else may use them.
        Ok(accepted) if accepted.peer != from.key => {
            info!(peer = %accepted.peer.short(), "channel refused: the routes are another node's");
            accepted.connection.close(CLOSE_DENIED.into(), b"not your route");
        }
        Ok(accepted) => {
            let datagrams = Datagrams::new(accepted.connection, None);
            place.send(IncomingDatagrams { from, datagrams });
        }
        Err(error) => debug!(%error, "channel handshake failed"),
    }
}
