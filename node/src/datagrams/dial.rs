//! The end of a session's channels that dials them.

use std::{io, sync::Arc};

use byway_base::{
    Code, OverlayAddress, Problem,
    limits::{HANDSHAKE_TIMEOUT, SESSION_CHANNELS},
};
use byway_net::{
    Identity,
    quic::{self, QuicConnectError, QuicProfile},
};
use parking_lot::Mutex;
use quinn::{ConnectionError, Endpoint, TransportErrorCode};

use super::{ALPN, CLOSE_DONE, Datagrams, path::DatagramPath};
use crate::{
    group::{Group, OWN, PEER},
    session::SessionHold,
};

/// Opens channels over a session's routes.
#[derive(Default)]
pub(crate) struct ChannelDialler {
    /// One for all channels of the session, from the first of them on.
    endpoint: Mutex<Option<Endpoint>>,
}

impl ChannelDialler {
    /// Shakes hands with the app at the other end: once this returns, bytes went there and back. `hold` keeps the session
    /// for as long as the channel is open.
    ///
    /// # Errors
    /// [`Code::NoListener`] if the app does not take it, [`Code::Limit`] if the session has as many channels as it may,
    /// [`Code::Timeout`], [`Code::Denied`] if somebody else answers.
    pub(crate) async fn open(
        &self,
        identity: &Identity,
        to: OverlayAddress,
        group: &Arc<Group>,
        hold: SessionHold,
    ) -> Result<Datagrams, Problem> {
        let what = || format!("cannot open a channel to {}:{}", to.key.short(), to.port);
        let endpoint = self.endpoint(identity, group);
        let endpoint = endpoint.map_err(|error| Problem::new(Code::Internal, what(), error))?;
        if endpoint.open_connections() >= SESSION_CHANNELS {
            let why = format!("the session has {SESSION_CHANNELS} channels already");
            return Err(Problem::new(Code::Limit, what(), why));
        }
        let profile = QuicProfile::datagrams();
        let connected =
            quic::connect(&endpoint, identity, PEER, to.key, ALPN, &profile, HANDSHAKE_TIMEOUT).await;
        let connection = connected.map_err(|error| refusal(&error, what()))?;
        Ok(Datagrams::new(connection, Some(hold)))
    }

    /// Ends all channels and waits until the peer was told, or did not listen.
    pub(crate) async fn close(&self) {
        let endpoint = self.endpoint.lock().take();
        if let Some(endpoint) = endpoint {
            endpoint.close(CLOSE_DONE.into(), b"done");
            endpoint.wait_idle().await;
        }
    }

    fn endpoint(&self, identity: &Identity, group: &Arc<Group>) -> io::Result<Endpoint> {
        let mut place = self.endpoint.lock();
        if let Some(endpoint) = &*place {
            return Ok(endpoint.clone());
        }
        let path = DatagramPath::new(group.clone());
        let endpoint = quic::endpoint(path, OWN, identity, &[], &QuicProfile::datagrams())?;
        Ok(place.insert(endpoint).clone())
    }

    /// Whether there is an endpoint, which costs memory.
    #[cfg(test)]
    pub(super) fn is_begun(&self) -> bool {
        self.endpoint.lock().is_some()
    }
}

fn refusal(error: &QuicConnectError, what: String) -> Problem {
    match error {
        QuicConnectError::Refused(ConnectionError::ConnectionClosed(close))
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            Problem::new(Code::NoListener, what, "the app at the other end does not take it")
                .with_hint("start the app on the peer: `byway expose PORT --udp`")
        }
        QuicConnectError::WrongPeer => Problem::new(Code::Denied, what, error),
        QuicConnectError::Timeout(_) => Problem::new(Code::Timeout, what, error),
        _ => Problem::new(Code::RouteLost, what, error),
    }
}
