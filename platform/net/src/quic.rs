//! QUIC (RFC 9000) over virtual paths, both ends known by their keys; over real ones see [`udp`].

mod congestion;
mod profile;
pub mod udp;

use std::{any::Any, io, net::SocketAddr, sync::Arc, time::Duration};

use byway_base::PublicKey;
use quinn::{Connection, ConnectionError, Endpoint, TokioRuntime, crypto::rustls::HandshakeData};
use tokio::time::timeout;

use crate::{
    identity::{Expect, Identity, IdentityError, quinn_peer_key},
    virtual_path::{VirtualPath, VirtualSocket},
};

pub use congestion::Congestion;
pub use profile::QuicProfile;

/// Why no connection over a path came about.
#[derive(Debug, thiserror::Error)]
pub enum QuicConnectError {
    /// The peer did not answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The peer has another key than expected.
    #[error("the peer has another key than expected")]
    WrongPeer,
    /// The peer refused the connection: it shares no protocol with us, or has no room.
    #[error("the peer refused the connection")]
    Refused(#[source] ConnectionError),
    /// The connection broke before it was established.
    #[error("the connection broke during the handshake")]
    Broken(#[source] ConnectionError),
    /// The endpoint is closed, or the address is none of a peer.
    #[error("the endpoint cannot dial")]
    Local(#[source] quinn::ConnectError),
}

/// Why a dialler over a path was turned away.
#[derive(Debug, thiserror::Error)]
pub enum QuicAcceptError {
    /// The handshake took too long.
    #[error("the handshake was not over within {0:?}")]
    Timeout(Duration),
    /// The dialler failed the handshake, or left.
    #[error("the dialler failed the handshake")]
    Handshake(#[source] ConnectionError),
    /// The dialler proved no usable key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// An accepted connection whose dialler proved its key.
#[derive(Debug)]
pub struct Accepted {
    /// The key that the dialler proved.
    pub peer: PublicKey,
    /// The protocol agreed on.
    pub alpn: Vec<u8>,
    /// The connection.
    pub connection: Connection,
}

/// Puts an endpoint on `path`, known to itself as `local`. It accepts connections for `alpns`; with none it only dials.
/// Runs until its last handle and connection are gone.
///
/// # Errors
/// None at present; quinn reserves the right.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn endpoint(
    path: Arc<dyn VirtualPath>,
    local: SocketAddr,
    identity: &Identity,
    alpns: &[&[u8]],
    profile: &QuicProfile,
) -> io::Result<Endpoint> {
    let server = (!alpns.is_empty()).then(|| profile.server_config(identity, alpns));
    let socket = Arc::new(VirtualSocket::new(path, local));
    Endpoint::new_with_abstract_socket(profile.endpoint_config(), server, socket, Arc::new(TokioRuntime))
}

/// Dials the peer at `to` of a virtual path and demands that it owns the key `expect` and speaks `alpn`.
///
/// The peer judges our key only after we are done (TLS 1.3 works so): if it refuses, the connection ends soon after.
///
/// # Errors
/// [`QuicConnectError`], by what a dialler does next.
///
/// # Cancel safety
/// Dropping the future abandons the connection.
pub async fn connect(
    endpoint: &Endpoint,
    identity: &Identity,
    to: SocketAddr,
    expect: PublicKey,
    alpn: &[u8],
    profile: &QuicProfile,
    within: Duration,
) -> Result<Connection, QuicConnectError> {
    let expect = Expect::Exactly(expect);
    let config = profile.client_config(identity, expect, alpn);
    let connecting =
        endpoint.connect_with(config, to, &expect.server_name()).map_err(QuicConnectError::Local)?;
    let connected = timeout(within, connecting).await.map_err(|_| QuicConnectError::Timeout(within))?;
    connected.map_err(|error| QuicConnectError::from_handshake(error, within))
}

/// Completes the handshake of a connection attempt that [`Endpoint::accept`] gave. Run it in a task of its own, so that
/// one slow dialler delays no other.
///
/// # Errors
/// [`QuicAcceptError`]. All of them are the dialler's doing: count them, log no more than debug.
///
/// # Cancel safety
/// Dropping the future refuses the connection.
pub async fn accept(incoming: quinn::Incoming, within: Duration) -> Result<Accepted, QuicAcceptError> {
    let handshake = timeout(within, incoming).await.map_err(|_| QuicAcceptError::Timeout(within))?;
    let connection = handshake.map_err(QuicAcceptError::Handshake)?;
    let peer = quinn_peer_key(&connection)?;
    let alpn = negotiated_alpn(&connection).unwrap_or_default();
    Ok(Accepted { peer, alpn, connection })
}

/// The protocol that both ends agreed on. `None` only before the handshake is over: QUIC demands one (RFC 9001, 8.1).
#[must_use]
pub fn negotiated_alpn(connection: &Connection) -> Option<Vec<u8>> {
    let data: Box<dyn Any> = connection.handshake_data()?;
    data.downcast::<HandshakeData>().ok()?.protocol
}

impl QuicConnectError {
    fn from_handshake(error: ConnectionError, within: Duration) -> Self {
        // How our verifier's refusal travels: as the TLS alert that rustls maps it to (RFC 9001, 4.8).
        let wrong_key = quinn::TransportErrorCode::crypto(rustls::AlertDescription::AccessDenied.into());
        match error {
            ConnectionError::TransportError(ours) if ours.code == wrong_key => Self::WrongPeer,
            ConnectionError::TimedOut => Self::Timeout(within),
            error @ (ConnectionError::ConnectionClosed(_)
            | ConnectionError::ApplicationClosed(_)
            | ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)) => Self::Refused(error),
            error => Self::Broken(error),
        }
    }
}
