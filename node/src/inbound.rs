//! Sessions that sources elsewhere began.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use byway_base::limits::{HANDSHAKE_TIMEOUT, SESSION_IDLE, SESSION_STREAMS};
use byway_net::{
    Identity,
    quic::{self, QuicProfile},
};
use quinn::{Connection, RecvStream, SendStream};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tracing::{debug, info};

use crate::{
    group::OWN,
    groups::{Groups, NewInbound},
    listeners::{Incoming, Listeners},
    session::{ALPN, STREAM_ACCEPTED, STREAM_APP, SessionHold},
    stream::OverlayStream,
};

/// A group without any route for this long ends, and its session with it: only the source can bring new routes.
const WITHOUT_ROUTE: Duration = SESSION_IDLE;

/// Accepts the sessions of new groups until the node stops.
pub(crate) async fn accept_sessions(
    identity: Identity,
    mut new: mpsc::Receiver<NewInbound>,
    groups: Groups,
    listeners: Listeners,
) {
    let mut sessions = JoinSet::new();
    while let Some(new) = new.recv().await {
        while sessions.try_join_next().is_some() {}
        let (identity, groups, listeners) = (identity.clone(), groups.clone(), listeners.clone());
        sessions.spawn(async move {
            let (from, port, group) = (new.from, new.port, new.group.clone());
            tokio::select! {
                () = serve_session(&identity, new, &listeners) => {}
                () = without_route(&group) => debug!(from = %from.key.short(), "session ends without a route"),
            }
            group.close();
            groups.end_inbound(from, port);
        });
    }
}

/// Returns when the group had no route for [`WITHOUT_ROUTE`].
async fn without_route(group: &crate::group::Group) {
    loop {
        if group.len() > 0 {
            group.changed().await;
        } else if timeout(WITHOUT_ROUTE, group.changed()).await.is_err() {
            return;
        }
        while group.pop_event().is_some() {}
    }
}

async fn serve_session(identity: &Identity, new: NewInbound, listeners: &Listeners) {
    let NewInbound { from, port, group } = new;
    let endpoint = match quic::endpoint(group, OWN, identity, &[ALPN], &QuicProfile::session()) {
        Ok(endpoint) => endpoint,
        Err(error) => return debug!(%error, "no endpoint for a session"),
    };
    while let Some(incoming) = endpoint.accept().await {
        match quic::accept(incoming, HANDSHAKE_TIMEOUT).await {
            // The routes belong to the source that signed for them. Nobody else may use them.
            Ok(accepted) if accepted.peer != from.key => {
                info!(peer = %accepted.peer.short(), "session refused: the routes are another node's");
                accepted.connection.close(1u32.into(), b"not your route");
            }
            Ok(accepted) => {
                serve_streams(accepted.connection, from, port, listeners).await;
                // The last acknowledgement goes out before the routes close behind it.
                let _ = timeout(HANDSHAKE_TIMEOUT, endpoint.wait_idle()).await;
                return;
            }
            Err(error) => debug!(%error, "session handshake failed"),
        }
    }
}

async fn serve_streams(
    connection: Connection,
    from: byway_base::OverlayAddress,
    port: byway_base::Port,
    listeners: &Listeners,
) {
    let users = Arc::new(AtomicUsize::new(0));
    let mut opening = JoinSet::new();
    while let Ok((send, receive)) = connection.accept_bi().await {
        if opening.len() >= SESSION_STREAMS as usize {
            opening.join_next().await;
        }
        while opening.try_join_next().is_some() {}
        let (listeners, hold) = (listeners.clone(), SessionHold::new(&users));
        opening.spawn(async move {
            let open = open_stream(send, receive, hold, from, port, &listeners);
            if timeout(HANDSHAKE_TIMEOUT, open).await.is_err() {
                debug!(from = %from.key.short(), "a stream did not say what it is for");
            }
        });
    }
}

/// Hands a stream to the app, or refuses it by resetting it.
async fn open_stream(
    mut send: SendStream,
    mut receive: RecvStream,
    hold: SessionHold,
    from: byway_base::OverlayAddress,
    port: byway_base::Port,
    listeners: &Listeners,
) {
    let mut kind = [0];
    let is_app = receive.read_exact(&mut kind).await.is_ok() && kind == [STREAM_APP];
    if !is_app || !listeners.has(port) || send.write_all(&[STREAM_ACCEPTED]).await.is_err() {
        let _ = send.reset(1u32.into());
        return;
    }
    let stream = OverlayStream::new(send, receive, hold);
    // Refused: dropping the stream resets it.
    let _taken = listeners.deliver(port, Incoming { from, stream });
}
