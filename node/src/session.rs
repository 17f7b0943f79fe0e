//! A session that this node began: QUIC end to end over a route group.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use byway_base::{Code, OverlayAddress, Port, Problem, limits::HANDSHAKE_TIMEOUT};
use byway_net::{
    Identity,
    quic::{self, QuicProfile},
};
use quinn::{Connection, Endpoint};
use tokio::time::timeout;

use crate::{
    datagrams::{ChannelDialler, Datagrams},
    group::{Group, OWN, PEER},
    stream::OverlayStream,
};

/// The protocol's name in the handshake.
pub(crate) const ALPN: &[u8] = b"byway-session/1";
/// First byte of a stream: it belongs to an app. Others are for later kinds.
pub(crate) const STREAM_APP: u8 = 1;
/// The answer to it: the app has the stream.
pub(crate) const STREAM_ACCEPTED: u8 = 1;
/// Application close code: the side that closes is done.
const CLOSE_DONE: u32 = 0;

/// Counts who uses a session, so that an unused one can be closed.
#[derive(Debug)]
pub(crate) struct SessionHold {
    users: Arc<AtomicUsize>,
}

impl SessionHold {
    pub(crate) fn new(users: &Arc<AtomicUsize>) -> Self {
        users.fetch_add(1, Ordering::AcqRel);
        Self { users: users.clone() }
    }
}

impl Drop for SessionHold {
    fn drop(&mut self) {
        self.users.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One session and the group under it.
pub(crate) struct Session {
    /// Where it leads.
    pub(crate) to: OverlayAddress,
    /// Its port here.
    pub(crate) port: Port,
    pub(crate) group: Arc<Group>,
    connection: Connection,
    /// One endpoint a session, so that sessions cannot block each other.
    endpoint: Endpoint,
    identity: Identity,
    channels: ChannelDialler,
    users: Arc<AtomicUsize>,
}

impl Session {
    /// Shakes hands with the destination over a group that has a route: only then did bytes go there and back.
    ///
    /// # Errors
    /// Why the destination did not answer or was not who it should be.
    pub(crate) async fn connect(
        identity: &Identity,
        to: OverlayAddress,
        port: Port,
        group: Arc<Group>,
    ) -> Result<Self, Problem> {
        let what = || format!("cannot open a session with {}", to.key.short());
        // The destination opens no streams.
        let profile = QuicProfile { streams: 0, ..QuicProfile::session() };
        let endpoint = quic::endpoint(group.clone(), OWN, identity, &[], &profile);
        let endpoint = endpoint.map_err(|error| Problem::new(Code::Internal, what(), error))?;
        let connected =
            quic::connect(&endpoint, identity, PEER, to.key, ALPN, &profile, HANDSHAKE_TIMEOUT).await;
        let connection = connected.map_err(|error| {
            let code = match &error {
                quic::QuicConnectError::WrongPeer => Code::Denied,
                quic::QuicConnectError::Timeout(_) => Code::Timeout,
                _ => Code::Protocol,
            };
            Problem::new(code, what(), error)
        })?;
        let (identity, channels) = (identity.clone(), ChannelDialler::default());
        Ok(Self { to, port, group, connection, endpoint, identity, channels, users: Arc::default() })
    }

    /// Opens a stream to the app at the other end.
    ///
    /// # Errors
    /// [`Code::NoListener`] if the app does not take it, [`Code::RouteLost`] if the session broke.
    pub(crate) async fn open(&self) -> Result<OverlayStream, Problem> {
        let what = || format!("cannot open a stream to {}:{}", self.to.key.short(), self.to.port);
        let hold = SessionHold::new(&self.users);
        let exchange = async {
            let (mut send, mut receive) = self.connection.open_bi().await.map_err(|e| lost(what(), &e))?;
            send.write_all(&[STREAM_APP]).await.map_err(|e| lost(what(), &e))?;
            let mut answer = [0];
            match receive.read_exact(&mut answer).await {
                Ok(()) if answer == [STREAM_ACCEPTED] => Ok((send, receive)),
                Ok(()) => Err(Problem::new(Code::Protocol, what(), "the peer gave an answer that is none")),
                Err(
                    quinn::ReadExactError::FinishedEarly(_)
                    | quinn::ReadExactError::ReadError(quinn::ReadError::Reset(_)),
                ) => Err(Problem::new(Code::NoListener, what(), "the app at the other end does not take it")),
                Err(error) => Err(lost(what(), &error)),
            }
        };
        let deadline = byway_base::limits::DIAL_TIMEOUT;
        let (send, receive) = timeout(deadline, exchange)
            .await
            .map_err(|_| Problem::new(Code::Timeout, what(), format!("no answer within {deadline:?}")))??;
        Ok(OverlayStream::new(send, receive, hold))
    }

    /// Opens a channel for datagrams to the app at the other end, over the same routes.
    ///
    /// # Errors
    /// As [`ChannelDialler::open`].
    pub(crate) async fn open_datagrams(&self) -> Result<Datagrams, Problem> {
        let hold = SessionHold::new(&self.users);
        self.channels.open(&self.identity, self.to, &self.group, hold).await
    }

    /// Whether the session still lives.
    pub(crate) fn is_alive(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// How many streams are in use.
    pub(crate) fn users(&self) -> usize {
        self.users.load(Ordering::Acquire)
    }

    /// Round-trip time from end to end.
    pub(crate) fn rtt(&self) -> std::time::Duration {
        self.connection.rtt()
    }

    /// Waits until the session is over.
    pub(crate) async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Ends the session and then its routes.
    pub(crate) async fn close(&self) {
        self.connection.close(CLOSE_DONE.into(), b"done");
        // The goodbye goes out before the routes close behind it.
        let goodbyes = async { tokio::join!(self.endpoint.wait_idle(), self.channels.close()) };
        let _ = timeout(HANDSHAKE_TIMEOUT, goodbyes).await;
        self.group.close();
    }
}

fn lost(what: String, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::RouteLost, what, error)
}

#[cfg(test)]
mod tests;
