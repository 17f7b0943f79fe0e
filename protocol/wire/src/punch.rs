//! How two nodes agree over messaging to look for a direct way past their NATs.
//!
//! One stream per attempt: whoever opens it sends a [`PunchOffer`] and ends its half; the other answers with a
//! [`PunchAnswer`]. The version is the number in the ALPN. Nothing here is signed: the stream proves both keys, and no
//! relay reads it.

use std::net::SocketAddr;

use byway_base::limits::PUNCH_CANDIDATES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DecodeError, Reader, Wire,
    codec::{wire_enum, wire_struct},
};

/// Bytes of the largest of these messages.
pub const PUNCH_MESSAGE_MAX: usize = 1 + 16 + 1 + 1 + PUNCH_CANDIDATES * 19;

wire_struct! {
    /// Asks for an attempt. Who asks is the initiator: it chooses among the ways that are found, and dials.
    #[derive(Debug, Clone, PartialEq, Eq)]
    PunchOffer {
        /// The initiator's half of the attempt's secret.
        half: Half,
        /// What the initiator's NAT does.
        mapping: Mapping,
        /// Where the initiator may be reached.
        candidates: Candidates,
    }
}

wire_enum! {
    /// What is answered to a [`PunchOffer`].
    #[derive(Debug, Clone, PartialEq, Eq)]
    PunchAnswer {
        /// Both begin now.
        1 => Ready {
            /// The responder's half of the attempt's secret.
            half: Half,
            /// What the responder's NAT does.
            mapping: Mapping,
            /// Where the responder may be reached.
            candidates: Candidates,
        }
        /// No attempt.
        2 => Refused {
            /// Why.
            why: Refusal,
        }
    }
}

/// Half of the secret under which the peers of an attempt authenticate their checks: drawn anew for each attempt. Its
/// `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Half(pub [u8; 16]);

impl std::fmt::Debug for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Half(..)")
    }
}

impl Wire for Half {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}

/// Addresses at which a node may be reached by UDP, at most [`PUNCH_CANDIDATES`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates(Vec<SocketAddr>);

impl Candidates {
    /// The first [`PUNCH_CANDIDATES`] of the addresses. IPv6 addresses lose their scope, which means something to their
    /// own machine only.
    pub fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let plain = addresses.into_iter().map(|address| SocketAddr::new(address.ip(), address.port()));
        Self(plain.take(PUNCH_CANDIDATES).collect())
    }

    /// The addresses, the sender's best guess first.
    #[must_use]
    pub fn as_slice(&self) -> &[SocketAddr] {
        &self.0
    }
}

impl Wire for Candidates {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = u8::read(&mut reader.clone())?;
        if usize::from(count) > PUNCH_CANDIDATES {
            return Err(DecodeError::Length);
        }
        Wire::read(reader).map(Self)
    }
}

/// Defines an enum that is one byte, and the list of its values.
macro_rules! wire_byte {
    ($(#[$meta:meta])* $name:ident { $( $(#[$variant_meta:meta])* $byte:literal => $variant:ident, )+ }) => {
        $(#[$meta])*
        pub enum $name { $( $(#[$variant_meta])* $variant, )+ }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$( Self::$variant ),+];
        }

        impl Wire for $name {
            fn write(&self, out: &mut Vec<u8>) {
                out.push(match self { $( Self::$variant => $byte, )+ });
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match u8::read(reader)? {
                    $( $byte => Ok(Self::$variant), )+
                    other => Err(DecodeError::Kind(other)),
                }
            }
        }
    };
}

wire_byte! {
    /// What a NAT does with the port of a UDP socket (RFC 4787, 4.1), as two servers see it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    Mapping {
        /// Fewer than two servers answered.
        #[default]
        0 => Unknown,
        /// There is none: the servers see an address of the node itself. A firewall may still be in the way.
        1 => Open,
        /// Every destination sees the same address and port.
        2 => Independent,
        /// Each destination sees another address or port: a symmetric NAT.
        3 => Dependent,
        /// No server answered: UDP does not get through.
        4 => Blocked,
    }
}

wire_byte! {
    /// Why a node refuses an attempt.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    Refusal {
        /// It does no NAT traversal, or has no UDP socket.
        1 => Off,
        /// It makes as many attempts as it may at once, or one with this peer already.
        2 => Busy,
        /// It wants no transport with this peer.
        3 => Unwanted,
    }
}
