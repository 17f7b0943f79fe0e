//! What carries the frames between a client and its server.

use std::{fmt, net::SocketAddr, str::FromStr};

/// What carries the frames between a client and its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// TLS over TCP: passes nearly every network, and costs both ends the least.
    #[default]
    Tcp,
    /// QUIC over UDP: outlives a change of the client's address.
    Quic,
}

/// No protocol of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be `tcp` or `quic`")]
pub struct UnknownProtocol;

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Quic => "quic",
        })
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "quic" => Ok(Self::Quic),
            _ => Err(UnknownProtocol),
        }
    }
}

/// One way to connect to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) protocol: Protocol,
    pub(crate) address: SocketAddr,
}
