//! Connections that peers open.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use byway_base::{
    PublicKey,
    limits::{ACCEPT_BACKLOG, HANDSHAKE_TIMEOUT, HANDSHAKES_AT_ONCE},
};
use byway_net::{
    quic::{self, QuicAcceptError},
    virtual_path::synthetic_address,
};
use parking_lot::Mutex;
use quinn::{Connection, Endpoint, VarInt};
use tokio::{sync::mpsc, task::JoinSet};

use crate::error::UnknownAlpn;

/// Handshakes under way at once from one peer.
const HANDSHAKES_PER_PEER: usize = 8;
/// Nobody takes connections for the protocol, or whoever does is too slow.
const CLOSE_BUSY: VarInt = VarInt::from_u32(1);
/// The peer proved another key than the one its packets come from.
const CLOSE_WRONG_PEER: VarInt = VarInt::from_u32(2);

/// A connection that a peer opened.
#[derive(Debug)]
pub struct Accepted {
    /// The key that the peer proved.
    pub peer: PublicKey,
    /// The protocol agreed on.
    pub alpn: &'static [u8],
    /// The connection.
    pub connection: Connection,
}

/// The connections that peers open for one protocol.
#[derive(Debug)]
pub struct PeerConnections {
    receiver: mpsc::Receiver<Accepted>,
}

impl PeerConnections {
    /// The next connection; `None` once the client is shut down or another caller took the protocol over.
    ///
    /// # Cancel safety
    /// No connection is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Accepted> {
        self.receiver.recv().await
    }
}

/// Who takes connections, by protocol.
#[derive(Debug)]
pub(crate) struct Acceptors {
    takers: Mutex<BTreeMap<&'static [u8], Option<mpsc::Sender<Accepted>>>>,
}

impl Acceptors {
    pub(crate) fn new(alpns: &[&'static [u8]]) -> Arc<Self> {
        Arc::new(Self { takers: Mutex::new(alpns.iter().map(|alpn| (*alpn, None)).collect()) })
    }

    pub(crate) fn register(&self, alpn: &[u8]) -> Result<PeerConnections, UnknownAlpn> {
        let mut takers = self.takers.lock();
        let taker = takers.get_mut(alpn).ok_or(UnknownAlpn)?;
        let (sender, receiver) = mpsc::channel(ACCEPT_BACKLOG);
        *taker = Some(sender);
        Ok(PeerConnections { receiver })
    }

    pub(crate) fn close(&self) {
        self.takers.lock().clear();
    }

    /// Hands a connection over; never waits, so that a slow taker blocks nobody.
    fn deliver(&self, accepted: quic::Accepted) {
        let quic::Accepted { peer, alpn, connection } = accepted;
        let taker = {
            let takers = self.takers.lock();
            takers.get_key_value(alpn.as_slice()).and_then(|(alpn, taker)| Some((*alpn, taker.clone()?)))
        };
        let Some((alpn, taker)) = taker else {
            return connection.close(CLOSE_BUSY, b"nobody takes connections for this protocol");
        };
        if let Err(error) = taker.try_send(Accepted { peer, alpn, connection }) {
            let (mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) = error;
            back.connection.close(CLOSE_BUSY, b"too many connections wait for this protocol");
        }
    }
}

/// Completes handshakes until the endpoint is closed.
pub(crate) async fn run(endpoint: Endpoint, acceptors: Arc<Acceptors>) {
    let mut handshakes = Handshakes::default();
    loop {
        let incoming = tokio::select! {
            Some(done) = handshakes.tasks.join_next() => {
                if let Some(accepted) = handshakes.finish(done) {
                    acceptors.deliver(accepted);
                }
                continue;
            }
            incoming = endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { break };
        handshakes.begin(incoming);
    }
    acceptors.close();
}

type Done = (SocketAddr, Result<quic::Accepted, QuicAcceptError>);

/// The handshakes under way, bounded in all and per peer.
#[derive(Default)]
struct Handshakes {
    tasks: JoinSet<Done>,
    by_peer: BTreeMap<SocketAddr, usize>,
}

impl Handshakes {
    fn begin(&mut self, incoming: quinn::Incoming) {
        let from = incoming.remote_address();
        let of_peer = self.by_peer.entry(from).or_default();
        if self.tasks.len() >= HANDSHAKES_AT_ONCE || *of_peer >= HANDSHAKES_PER_PEER {
            if *of_peer == 0 {
                self.by_peer.remove(&from);
            }
            return incoming.refuse();
        }
        *of_peer += 1;
        self.tasks.spawn(async move { (from, quic::accept(incoming, HANDSHAKE_TIMEOUT).await) });
    }

    fn finish(&mut self, done: Result<Done, tokio::task::JoinError>) -> Option<quic::Accepted> {
        let (from, result) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "handshake task failed");
                return None;
            }
        };
        if let Some(of_peer) = self.by_peer.get_mut(&from) {
            *of_peer -= 1;
            if *of_peer == 0 {
                self.by_peer.remove(&from);
            }
        }
        match result {
            Ok(accepted) if synthetic_address(&accepted.peer) == from => Some(accepted),
            Ok(accepted) => {
                accepted.connection.close(CLOSE_WRONG_PEER, b"not the key that your packets come from");
                None
            }
            Err(error) => {
                tracing::debug!(%error, "peer turned away");
                None
            }
        }
    }
}
