//! What a transport type must offer.

use std::{io, net::SocketAddr};

use byway_base::{Code, Problem, PublicKey};
use byway_messaging_client::{ConnectError as MessagingError, MessagingClient};
use byway_net::{
    Identity,
    quic::{QuicConnectError, udp::SideChannel},
    tcp::ConnectError,
};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use crate::link::Opening;

/// An authenticated link to a node, before the edges agreed on the entry.
pub struct Link {
    /// The other edge, proved by the handshake.
    pub peer: PublicKey,
    /// The bytes on which they agree, and what carries packets after that.
    pub opening: Box<dyn Opening>,
    /// Where the peer is, for people.
    pub address: String,
}

/// Where an opener puts the links that peers opened. Bounded: a full sink holds the accept loop back.
pub type LinkSink = mpsc::Sender<Link>;

/// Opens the links of one type. Dropping it ends its accept loop.
pub trait Opener: Send + Sync + 'static {
    /// Opens a link to `peer`, trying `candidates` (addresses from its contact record that name this type) in turn.
    /// Takes no longer than [`byway_base::limits::CONNECT_TIMEOUT`] and
    /// [`byway_base::limits::HANDSHAKE_TIMEOUT`] per candidate.
    ///
    /// # Errors
    /// [`DialError`] of the last candidate tried.
    fn dial<'a>(
        &'a self,
        peer: PublicKey,
        candidates: &'a [SocketAddr],
    ) -> BoxFuture<'a, Result<Link, DialError>>;

    /// Addresses at which this node accepts, for its contact record; empty if there are none or none are needed.
    fn listen_addresses(&self) -> Vec<SocketAddr>;

    /// The UDP socket under its links, for what else it carries; none if there is none.
    fn udp(&self) -> Option<Udp> {
        None
    }
}

/// The node's UDP socket, beside the links over it.
#[derive(Clone)]
pub struct Udp {
    /// The address that it is bound to, its port filled in. May name no interface.
    pub local: SocketAddr,
    /// What is not QUIC on it.
    pub side_channel: SideChannel,
}

/// What openers are made from.
#[derive(Clone)]
pub struct Context {
    /// The node's key, ready for handshakes.
    pub identity: Identity,
    /// Where `tcp` listens; none if the node only dials.
    pub tcp_listen: Option<SocketAddr>,
    /// Where `quic` accepts, for everybody to know; without it any free port, which only those learn who need it.
    pub quic_listen: Option<SocketAddr>,
    /// The node's way to reach peers by key; none in tests without messaging.
    pub messaging: Option<MessagingClient>,
}

/// Why a link was not opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The peer publishes no address for this type.
    #[error("the peer publishes no address for this type of transport")]
    NoAddress,
    /// TCP or TLS failed.
    #[error("cannot connect to {address}")]
    Tcp {
        /// The address tried last.
        address: SocketAddr,
        /// What went wrong.
        source: ConnectError,
    },
    /// QUIC failed.
    #[error("cannot connect to {address}")]
    Quic {
        /// The address tried last.
        address: SocketAddr,
        /// What went wrong.
        source: QuicConnectError,
    },
    /// Messaging failed.
    #[error("cannot reach the peer through messaging")]
    Messaging(#[from] MessagingError),
    /// The connection broke before a stream was open.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
}

impl DialError {
    /// The stable code.
    #[must_use]
    pub fn problem(&self, what: String) -> Problem {
        use std::error::Error;
        match self {
            Self::Messaging(error) => Problem::from(error).while_doing(what),
            Self::Tcp { source: ConnectError::WrongPeer, .. }
            | Self::Quic { source: QuicConnectError::WrongPeer, .. } => {
                Problem::new(Code::Denied, what, self)
            }
            Self::Tcp { source: ConnectError::Timeout(_), .. }
            | Self::Quic { source: QuicConnectError::Timeout(_), .. } => {
                Problem::new(Code::Timeout, what, self)
            }
            _ => {
                let cause = self.source().map(|source| format!(": {source}")).unwrap_or_default();
                Problem::new(Code::PeerUnreachable, what, format!("{self}{cause}"))
            }
        }
    }
}
