//! What two nodes say on a fresh transport before packets flow: they agree on the entry that both sign.
//!
//! The dialler sends [`Offer`], the other edge answers [`Agree`]; both have fixed sizes, so no framing is needed.
//! The edges' keys come from the TLS or QUIC handshake, never from these messages.

use byway_base::{Signature, UnixTime};

use crate::codec::wire_struct;

/// The version of this exchange and of the packets that follow.
pub const VERSION: u8 = 1;

wire_struct! {
    /// The dialler's half of the entry.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Offer {
        /// [`VERSION`].
        version: u8,
        /// The `issued` time of the entry; the acceptor checks it against its own clock.
        issued: UnixTime,
        /// The dialler's signature over the entry.
        signature: Signature,
    }
}

wire_struct! {
    /// The acceptor's half of the entry.
    #[derive(Debug, Clone, PartialEq, Eq)]
    Agree {
        /// [`VERSION`].
        version: u8,
        /// The acceptor's signature over the entry.
        signature: Signature,
    }
}

/// Bytes of an [`Offer`].
pub const OFFER_BYTES: usize = 1 + 8 + 64;
/// Bytes of an [`Agree`].
pub const AGREE_BYTES: usize = 1 + 64;
