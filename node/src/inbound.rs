//! Sessions that sources elsewhere began.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use byway_base::limits::{
    HANDSHAKE_TIMEOUT, ROUTE_PROBE_IDLE, SESSION_IDLE, SESSION_STREAMS, SESSION_STREAMS_FIRST,
};
use byway_net::{
    Identity,
    quic::{self, QuicProfile},
};
use quinn::{Connection, RecvStream, SendStream};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tracing::{debug, info};

use crate::{
    datagrams,
    group::{Group, OWN},
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
                () = datagrams::serve(&identity, from, port, group.clone(), &listeners) => {}
                () = without_route(&group) => debug!(from = %from.key.short(), "session ends without a route"),
            }
            group.close();
            groups.end_inbound(from, port);
        });
    }
}

/// Returns when the group had no route for [`WITHOUT_ROUTE`]. Looks after its memory until then.
async fn without_route(group: &Group) {
    loop {
        if group.len() > 0 {
            let _ = timeout(ROUTE_PROBE_IDLE, group.changed()).await;
            group.rest();
        } else if timeout(WITHOUT_ROUTE, group.changed()).await.is_err() {
            return;
        }
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
    let mut allowance = Allowance::new();
    while let Ok((send, receive)) = connection.accept_bi().await {
        if let Some(streams) = allowance.accepted(Instant::now(), users.load(Ordering::Acquire)) {
            connection.set_max_concurrent_bi_streams(streams.into());
        }
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

/// How many streams the source may have open. Grows with use, because each allowed one takes memory.
struct Allowance {
    streams: u32,
    /// Streams accepted within the present second, since when.
    lately: u32,
    since: Instant,
}

impl Allowance {
    fn new() -> Self {
        Self { streams: SESSION_STREAMS_FIRST, lately: 0, since: Instant::now() }
    }

    /// A stream was accepted, and `users` are in use. Short ones count for a second: quinn forgets them only when both
    /// ends know that they are over. Returns how many streams to allow, if that is news.
    fn accepted(&mut self, now: Instant, users: usize) -> Option<u32> {
        if now - self.since >= Duration::from_secs(1) {
            (self.lately, self.since) = (0, now);
        }
        self.lately += 1;
        let used = self.lately.max(u32::try_from(users).unwrap_or(u32::MAX));
        let grows = used >= self.streams / 2 && self.streams < SESSION_STREAMS;
        self.streams = if grows { (2 * self.streams).min(SESSION_STREAMS) } else { self.streams };
        grows.then_some(self.streams)
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
    if !is_app || !listeners.streams.has(port) || send.write_all(&[STREAM_ACCEPTED]).await.is_err() {
        let _ = send.reset(1u32.into());
        return;
    }
    let stream = OverlayStream::new(send, receive, hold);
    // Refused: dropping the stream resets it.
    let _taken = listeners.streams.deliver(port, Incoming { from, stream });
}
