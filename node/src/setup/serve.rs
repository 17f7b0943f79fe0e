//! The node's side of setup connections: one message and one reply per stream.

use std::sync::Arc;

use byway_base::{
    Code, PublicKey,
    limits::{MESSAGING_CONNECTIONS_PER_PEER, SETUP_MESSAGE_MAX, SETUP_STEP_TIMEOUT, SETUP_STRANGERS},
};
use byway_messaging_client::{Accepted, PeerConnections, Place, Places};
use byway_wire::setup::{Failure, NodeMessage, Reply, decode_message, encode_message};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::{task::JoinSet, time::timeout};
use tracing::debug;

use super::Obedience;

/// Messages of one connection handled at once.
const STREAMS: usize = 256;
/// QUIC code of a connection that is one too many.
const CLOSE_TOO_MANY: VarInt = VarInt::from_u32(2);

/// Serves setup connections until the messaging client ends.
pub(crate) async fn serve(mut incoming: PeerConnections, obedience: Arc<Obedience>) {
    let trusted = Places::new(usize::MAX, MESSAGING_CONNECTIONS_PER_PEER);
    let strangers = Places::new(SETUP_STRANGERS, MESSAGING_CONNECTIONS_PER_PEER);
    let mut connections = JoinSet::new();
    while let Some(Accepted { peer, connection, .. }) = incoming.recv().await {
        let places = if obedience.trusts(&peer) { &trusted } else { &strangers };
        match places.take(peer) {
            Some(place) => {
                connections.spawn(serve_connection(peer, connection, obedience.clone(), place));
            }
            None => connection.close(CLOSE_TOO_MANY, b"too many connections"),
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(peer: PublicKey, connection: Connection, obedience: Arc<Obedience>, _place: Place) {
    let mut streams = JoinSet::new();
    while let Ok((send, receive)) = connection.accept_bi().await {
        if streams.len() >= STREAMS {
            streams.join_next().await;
        }
        while streams.try_join_next().is_some() {}
        streams.spawn(serve_stream(peer, send, receive, obedience.clone()));
    }
}

async fn serve_stream(
    peer: PublicKey,
    mut send: SendStream,
    mut receive: RecvStream,
    obedience: Arc<Obedience>,
) {
    let exchange = async {
        let bytes = receive.read_to_end(SETUP_MESSAGE_MAX).await.map_err(|error| error.to_string())?;
        let reply = match decode_message::<NodeMessage>(&bytes) {
            Ok(message) => obedience.handle(peer, message),
            Err(error) => {
                let failure = Failure { code: Code::Protocol, why: format!("not a setup message: {error}") };
                Reply::Failed { failure }
            }
        };
        send.write_all(&encode_message(&reply)).await.map_err(|error| error.to_string())?;
        send.finish().map_err(|error| error.to_string())
    };
    let result = timeout(SETUP_STEP_TIMEOUT, exchange).await;
    if let Err(why) = result.unwrap_or_else(|_| Err("too slow".to_owned())) {
        debug!(peer = %peer.short(), why, "setup stream broke");
    }
}
