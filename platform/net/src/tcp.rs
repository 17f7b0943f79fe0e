//! Mutually authenticated TLS over TCP: one connection dialled, one accepted, and a listener that hostile diallers
//! cannot occupy.

mod listener;

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use byway_base::PublicKey;
use rustls::{CertificateError, CommonState, ServerConfig};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::identity::{Expect, Identity, IdentityError, peer_key};

pub use listener::TlsListener;

/// A TLS connection whose peer proved its key.
pub struct TlsConnection {
    /// The key that the peer proved.
    pub peer: PublicKey,
    /// The protocol agreed on.
    pub alpn: Vec<u8>,
    /// The peer's TCP address.
    pub address: SocketAddr,
    /// The bytes. Nagle's algorithm is off: writers batch by themselves.
    pub stream: TlsStream<TcpStream>,
}

/// Why no connection to an address came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answered in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The address cannot be reached, or the connection broke.
    #[error("cannot reach the address")]
    Unreachable(#[source] io::Error),
    /// Someone else than the expected peer answers there.
    #[error("the peer at the address has another key than expected")]
    WrongPeer,
    /// The two sides share no protocol or no cryptography, or the peer breaks the rules of TLS.
    #[error("the peer refused the handshake or failed it")]
    Handshake(#[source] io::Error),
    /// The peer answered, and yet proved no usable key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Why a dialler was turned away.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The handshake took too long.
    #[error("the handshake was not over within {0:?}")]
    Timeout(Duration),
    /// The dialler failed the handshake, or left.
    #[error("the dialler failed the handshake")]
    Handshake(#[source] io::Error),
    /// The dialler proved no usable key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The dialler named no protocol.
    #[error("the dialler named no protocol")]
    NoProtocol,
}

/// Opens a TCP connection to `address`, proves `identity` there and demands `expect` and `alpn`, all `within` a time.
///
/// The peer judges our key only after we are done (TLS 1.3 works so): if it refuses, the first read says it.
///
/// # Errors
/// [`ConnectError`], by what a dialler does next.
///
/// # Cancel safety
/// Dropping the future closes the connection; nothing else remains.
pub async fn connect(
    address: SocketAddr,
    identity: &Identity,
    expect: Expect,
    alpn: &[u8],
    within: Duration,
) -> Result<TlsConnection, ConnectError> {
    let deadline = Instant::now() + within;
    let tcp = timeout_at(deadline, TcpStream::connect(address)).await;
    let tcp = tcp.map_err(|_| ConnectError::Timeout(within))?.map_err(ConnectError::Unreachable)?;
    tcp.set_nodelay(true).map_err(ConnectError::Unreachable)?;
    let connector = TlsConnector::from(identity.client_config(expect, &[alpn]));
    let handshake = connector.connect(expect.tls_server_name(), tcp);
    let tls = timeout_at(deadline, handshake).await.map_err(|_| ConnectError::Timeout(within))?;
    let stream = tls.map_err(ConnectError::from_handshake)?;
    let (peer, chosen) = proved(stream.get_ref().1)?;
    let chosen = chosen.ok_or_else(|| ConnectError::Handshake(io::ErrorKind::Unsupported.into()))?;
    Ok(TlsConnection { peer, alpn: chosen, address, stream: stream.into() })
}

/// The accepting side of [`connect`] on a fresh TCP connection. `config` is [`Identity::server_config`]'s.
///
/// # Errors
/// [`AcceptError`]. All of them are the dialler's doing: count them, log no more than debug.
///
/// # Cancel safety
/// Dropping the future closes the connection; nothing else remains.
pub async fn accept(
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    within: Duration,
) -> Result<TlsConnection, AcceptError> {
    let address = tcp.peer_addr().map_err(AcceptError::Handshake)?;
    tcp.set_nodelay(true).map_err(AcceptError::Handshake)?;
    let handshake = tokio::time::timeout(within, TlsAcceptor::from(config).accept(tcp)).await;
    let stream = handshake.map_err(|_| AcceptError::Timeout(within))?.map_err(AcceptError::Handshake)?;
    let (peer, alpn) = proved(stream.get_ref().1)?;
    let alpn = alpn.ok_or(AcceptError::NoProtocol)?;
    Ok(TlsConnection { peer, alpn, address, stream: stream.into() })
}

/// Who the peer is and what protocol was agreed on; TLS over TCP lets a peer name none.
fn proved(tls: &CommonState) -> Result<(PublicKey, Option<Vec<u8>>), IdentityError> {
    let peer = peer_key(tls.peer_certificates().unwrap_or_default())?;
    Ok((peer, tls.alpn_protocol().map(<[u8]>::to_vec)))
}

impl ConnectError {
    fn from_handshake(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
                Self::WrongPeer
            }
            Some(_) => Self::Handshake(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Handshake(error),
            None => Self::Unreachable(error),
        }
    }
}

impl fmt::Debug for TlsConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alpn = self.alpn.escape_ascii().to_string();
        f.debug_struct("TlsConnection")
            .field("peer", &self.peer)
            .field("alpn", &alpn)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
