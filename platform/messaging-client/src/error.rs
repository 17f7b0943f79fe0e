//! Why a peer was not reached.

use std::time::Duration;

use byway_base::{Code, Problem};
use byway_messaging::Unreachable;
use byway_net::quic::QuicConnectError;

/// Why there is no connection to a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No messaging server is connected, so that nobody can be reached.
    #[error("no messaging server is connected")]
    NoServer,
    /// The peer published no contact record, or it has expired.
    #[error("the peer has no contact record")]
    NoRecord,
    /// The peer's servers say that it is not there, or none of them can be reached.
    #[error("{0}")]
    NotThere(Unreachable),
    /// The peer does not want this connection: it does not speak the protocol, or has no room.
    #[error("the peer refused the connection: {0}")]
    Refused(String),
    /// The peer did not answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// This client holds as many connections as it may.
    #[error("too many connections by public key are open")]
    TooMany,
    /// This client was shut down.
    #[error("the messaging client was shut down")]
    Closed,
}

impl From<Unreachable> for ConnectError {
    fn from(reason: Unreachable) -> Self {
        match reason {
            Unreachable::NoServer => Self::NoServer,
            Unreachable::NoRecord => Self::NoRecord,
            reason @ (Unreachable::Gone | Unreachable::ServersDown) => Self::NotThere(reason),
        }
    }
}

impl From<QuicConnectError> for ConnectError {
    fn from(error: QuicConnectError) -> Self {
        match error {
            QuicConnectError::Timeout(within) => Self::Timeout(within),
            QuicConnectError::Refused(cause) => Self::Refused(cause.to_string()),
            // The server authenticated the peer, so that another key can only be the server's doing.
            error @ QuicConnectError::WrongPeer => Self::Refused(error.to_string()),
            QuicConnectError::Broken(cause) => Self::Refused(cause.to_string()),
            QuicConnectError::Local(_) => Self::Closed,
        }
    }
}

impl From<&ConnectError> for Problem {
    fn from(error: &ConnectError) -> Self {
        let code = match error {
            ConnectError::NoServer => Code::MessagingUnreachable,
            ConnectError::NoRecord | ConnectError::NotThere(_) => Code::PeerUnreachable,
            ConnectError::Refused(_) => Code::Denied,
            ConnectError::Timeout(_) => Code::Timeout,
            ConnectError::TooMany => Code::Limit,
            ConnectError::Closed => Code::NotReady,
        };
        Self::new(code, "cannot connect to the peer through messaging", error)
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        Self::from(&error)
    }
}

/// The client does not accept connections for this protocol: it was not among those that it was started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the messaging client was not started for this protocol")]
pub struct UnknownAlpn;
