//! Route requests as they come in: one connection for each source, one stream for each request and its reply.

use std::sync::Arc;

use byway_api::admin::AuditOutcome;
use byway_base::{
    Code, PublicKey,
    limits::{
        SETUP_CONNECTIONS_PER_SOURCE, SETUP_MESSAGE_MAX, SETUP_SOURCES, SETUP_STEP_TIMEOUT,
        SETUPS_PER_INITIATOR,
    },
};
use byway_http::Audit;
use byway_messaging_client::{Accepted, PeerConnections};
use byway_setup::Asked;
use byway_wire::setup::{Failure, Reply, SourceMessage, decode_message, encode_message};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Bounds, NodeCaller,
    admission::{Admission, Permit},
    setups::Setups,
};

/// QUIC code of a connection that is one too many.
const CLOSE_TOO_MANY: VarInt = VarInt::from_u32(2);

/// Streams of one source that are served at once; further ones wait. More than requests are allowed, so that a source
/// beyond its bound is told so.
const STREAMS: usize = 2 * SETUPS_PER_INITIATOR;

/// Serves `connections` until `stop`, then until every request under way is answered.
pub(crate) async fn serve<C: NodeCaller>(
    mut connections: PeerConnections,
    setups: Setups<C>,
    audit: Audit,
    stop: CancellationToken,
) {
    let admission =
        Admission::new(Bounds { at_once: SETUP_SOURCES, per_initiator: SETUP_CONNECTIONS_PER_SOURCE });
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = connections.recv() => accepted,
        };
        let Some(Accepted { peer, connection, .. }) = accepted else { break };
        match admission.admit(peer) {
            Ok(permit) => {
                tasks.spawn(serve_source(
                    peer,
                    connection,
                    setups.clone(),
                    audit.clone(),
                    stop.clone(),
                    permit,
                ));
            }
            Err(_) => connection.close(CLOSE_TOO_MANY, b"too many connections"),
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn serve_source<C: NodeCaller>(
    peer: PublicKey,
    connection: Connection,
    setups: Setups<C>,
    audit: Audit,
    stop: CancellationToken,
    _permit: Permit,
) {
    let room = Arc::new(Semaphore::new(STREAMS));
    let tasks = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await.ok()?;
            Some((connection.accept_bi().await.ok()?, place))
        };
        let next = tokio::select! {
            () = stop.cancelled() => None,
            next = next => next,
        };
        let Some(((send, receive), place)) = next else { break };
        let (setups, audit) = (setups.clone(), audit.clone());
        tasks.spawn(async move {
            serve_stream(peer, send, receive, &setups, &audit).await;
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// Answers one request. A source that goes away gives up its answer, not the request.
async fn serve_stream<C: NodeCaller>(
    peer: PublicKey,
    mut send: SendStream,
    mut receive: RecvStream,
    setups: &Setups<C>,
    audit: &Audit,
) {
    let request = timeout(SETUP_STEP_TIMEOUT, receive.read_to_end(SETUP_MESSAGE_MAX)).await;
    let reply = match request {
        Ok(Ok(bytes)) => answer(peer, &bytes, setups, audit).await,
        Ok(Err(_)) => failed(Code::TooLarge, "the request is too large, or was broken off"),
        Err(_) => failed(Code::Timeout, "the request did not arrive in time"),
    };
    let delivered = async {
        send.write_all(&encode_message(&reply)).await.ok()?;
        send.finish().ok()?;
        // Until the source has it: the connection may be closed right after this.
        send.stopped().await.ok()
    };
    let _ = timeout(SETUP_STEP_TIMEOUT, delivered).await;
}

async fn answer<C: NodeCaller>(peer: PublicKey, bytes: &[u8], setups: &Setups<C>, audit: &Audit) -> Reply {
    match decode_message(bytes) {
        Ok(SourceMessage::Establish { request, hops, label_in }) => {
            let route = request.request.route;
            let reply = setups.establish(Asked { caller: peer, request, hops, label_in }).await;
            // Routes that were established are listed; of others nothing else remains.
            if let Reply::Failed { failure } = &reply {
                let refused = AuditOutcome::Refused { code: failure.code };
                audit.record("Establish", peer, format!("route={route}"), refused);
            }
            reply
        }
        Ok(SourceMessage::Ping {}) => match setups.takes_requests() {
            Ok(()) => Reply::Done {},
            Err(failure) => Reply::Failed { failure },
        },
        Err(error) => failed(Code::Protocol, &format!("this is no route request: {error}")),
    }
}

fn failed(code: Code, why: &str) -> Reply {
    Reply::Failed { failure: Failure { code, why: why.to_owned() } }
}

#[cfg(test)]
mod tests;
