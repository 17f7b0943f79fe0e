//! Offer and answer, on one stream each over messaging. See `docs/wire/punch.md`.

use std::{collections::BTreeSet, time::Instant};

use byway_base::{
    PublicKey,
    limits::{MESSAGING_CONNECTIONS_PER_PEER, TRANSPORTS_PER_NODE, TRAVERSAL_TIMEOUT},
};
use byway_messaging_client::{ALPN_PUNCH, Accepted, MessagingClient, PeerConnections, Place, Places};
use byway_traversal::{Attempt, Half, Offer, Role, Secret};
use byway_wire::{
    decode_whole, encode,
    punch::{PUNCH_MESSAGE_MAX, PunchAnswer, PunchOffer, Refusal},
};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::{task::JoinSet, time::timeout};
use tracing::debug;

use super::{Blocked, Traversal, turns::Turn};
use crate::{exchange, transports::Transports};

/// QUIC code of a connection that is one too many.
const CLOSE_TOO_MANY: VarInt = VarInt::from_u32(2);

/// Tells a peer where this node may be reached, and asks for the same.
pub(super) async fn offer(
    messaging: &MessagingClient,
    peer: PublicKey,
    own: &Offer,
) -> Result<(Offer, Secret), Blocked> {
    let half = Half(rand::random());
    let offer = PunchOffer { half, mapping: own.mapping, candidates: own.candidates.clone() };
    let answer = exchange::ask(messaging, peer, ALPN_PUNCH, &encode(&offer), PUNCH_MESSAGE_MAX).await?;
    match decode_whole(&answer).map_err(Blocked::Protocol)? {
        PunchAnswer::Ready { half: theirs, mapping, candidates } => {
            Ok((Offer { candidates, mapping }, Secret::new(half, theirs)))
        }
        PunchAnswer::Refused { why } => Err(Blocked::Refused(why)),
    }
}

/// Whose offers are answered: those of peers with which this node has a transport or wants one. Others do not learn its
/// addresses.
#[derive(Clone)]
pub(super) struct Known {
    transports: Transports,
    wanted: BTreeSet<PublicKey>,
}

impl Known {
    pub(super) fn new(transports: Transports, wanted: Vec<PublicKey>) -> Self {
        Self { transports, wanted: wanted.into_iter().collect() }
    }

    fn has(&self, peer: &PublicKey) -> bool {
        self.wanted.contains(peer)
            || self.transports.with_table(|table| table.iter().any(|(_, live)| live.peer == *peer))
    }
}

/// Answers offers until the messaging client ends.
pub(super) async fn serve(traversal: Traversal, mut incoming: PeerConnections, known: Known) {
    let places = Places::new(TRANSPORTS_PER_NODE, MESSAGING_CONNECTIONS_PER_PEER);
    let mut connections = JoinSet::new();
    while let Some(Accepted { peer, connection, .. }) = incoming.recv().await {
        match places.take(peer) {
            Some(place) => {
                connections.spawn(serve_connection(
                    traversal.clone(),
                    peer,
                    connection,
                    known.clone(),
                    place,
                ));
            }
            None => connection.close(CLOSE_TOO_MANY, b"too many connections"),
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One offer of a peer after the other; a newer one ends the attempt of the one before.
async fn serve_connection(
    traversal: Traversal,
    peer: PublicKey,
    connection: Connection,
    known: Known,
    _place: Place,
) {
    let mut attempts = JoinSet::new();
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        let answer = answer(&traversal, peer, &known, &mut send, &mut receive);
        match timeout(TRAVERSAL_TIMEOUT, answer).await.unwrap_or_else(|_| Err("too slow".to_owned())) {
            Ok(Some((turn, attempt))) => {
                let traversal = traversal.clone();
                attempts.spawn(async move {
                    // What comes of it is written down there.
                    let _ = traversal.in_turn(&turn, peer, traversal.carry_out(attempt)).await;
                });
            }
            Ok(None) => {}
            Err(why) => debug!(peer = %peer.short(), why, "offer of a direct way broke"),
        }
        while attempts.try_join_next().is_some() {}
    }
    // The peer needs the connection no more, but this node's part.
    while attempts.join_next().await.is_some() {}
}

/// Reads one offer and answers it. Gives the attempt to carry out, if it is not refused.
async fn answer(
    traversal: &Traversal,
    peer: PublicKey,
    known: &Known,
    send: &mut SendStream,
    receive: &mut RecvStream,
) -> Result<Option<(Turn, Attempt)>, String> {
    let bytes = receive.read_to_end(PUNCH_MESSAGE_MAX).await.map_err(|error| error.to_string())?;
    let PunchOffer { half: theirs, mapping, candidates } =
        decode_whole(&bytes).map_err(|error| error.to_string())?;
    let inner = &traversal.inner;
    let turn = if known.has(&peer) {
        inner.turns.answer(inner.own, peer, Instant::now()).map_err(|_| Refusal::Busy)
    } else {
        Err(Refusal::Unwanted)
    };
    let (reply, begun) = match turn {
        Ok(turn) => {
            let own = inner.reaches.fresh().await.offer();
            let half = Half(rand::random());
            let (secret, theirs) = (Secret::new(theirs, half), Offer { candidates, mapping });
            let (seed, now) = (rand::random(), inner.socket.now());
            let attempt = Attempt::new(&own, &theirs, &secret, Role::Responder, seed, now);
            let ready = PunchAnswer::Ready { half, mapping: own.mapping, candidates: own.candidates };
            (ready, Some((turn, attempt)))
        }
        Err(why) => (PunchAnswer::Refused { why }, None),
    };
    send.write_all(&encode(&reply)).await.map_err(|error| error.to_string())?;
    send.finish().map_err(|error| error.to_string())?;
    Ok(begun)
}
