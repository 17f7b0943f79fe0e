//! Identifiers of transports, rules and routes.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER_PERMISSIVE;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{
    PublicKey,
    key::{KeyError, serde_as_text},
};

/// Identifies a transport: the first 16 bytes of a SHA-256 over both edges and the type.
///
/// Both edges derive the same id without talking, and two nodes have at most one transport per type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportId([u8; 16]);

/// Identifies a route while it is set up and after, across all nodes of its path. Drawn at random by the source,
/// so that it tells an intermediate nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId([u8; 16]);

/// The label of one rule of a node; meaningful only with the transport that it arrives on.
/// Zero is reserved for packets of the transport itself (ping, pong).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutingId(pub u32);

/// The name of a transport type: 1 to 16 characters of `a-z`, `0-9` and `-`, opaque to every service.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportType(Box<str>);

/// The name of a transport type is empty, too long, or has other characters than `a-z`, `0-9` and `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a transport type is 1 to 16 characters of a-z, 0-9 and '-'")]
pub struct TransportTypeError;

impl TransportId {
    /// The id of the transport of `kind` between `a` and `b`, in whichever order.
    #[must_use]
    pub fn derive(a: &PublicKey, b: &PublicKey, kind: &TransportType) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let hash = Sha256::new()
            .chain_update(b"byway transport id v1\0")
            .chain_update(low.as_bytes())
            .chain_update(high.as_bytes())
            .chain_update(kind.as_str().as_bytes())
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        Self(id)
    }
}

impl RoutingId {
    /// The id of packets that belong to the transport, not to a route.
    pub const TRANSPORT: Self = Self(0);
}

impl TransportType {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`TransportTypeError`] if the name breaks the rule above.
    pub fn new(name: &str) -> Result<Self, TransportTypeError> {
        let valid = (1..=16).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if valid { Ok(Self(name.into())) } else { Err(TransportTypeError) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TransportType {
    type Err = TransportTypeError;

    fn from_str(text: &str) -> Result<Self, TransportTypeError> {
        Self::new(text)
    }
}

impl fmt::Display for TransportType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TransportType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The parts that 16-byte ids share: bytes, 32 hexadecimal characters, a short form.
macro_rules! sixteen_byte_id {
    ($type:ident, $name:literal) => {
        impl $type {
            /// Wraps 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The first eight characters, for logs and tables.
            #[must_use]
            pub fn short(&self) -> String {
                HEXLOWER_PERMISSIVE.encode(&self.0[..4])
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&HEXLOWER_PERMISSIVE.encode(&self.0))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }

        impl FromStr for $type {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, KeyError> {
                let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| KeyError::Text)?;
                bytes.try_into().map(Self).map_err(|_| KeyError::Text)
            }
        }

        serde_as_text!($type, $name, "^[0-9a-f]{32}$");
    };
}
sixteen_byte_id!(TransportId, "TransportId");
sixteen_byte_id!(RouteId, "RouteId");
serde_as_text!(TransportType, "TransportType", "^[a-z0-9-]{1,16}$");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;

    #[test]
    fn both_edges_derive_the_same_transport_id_and_types_are_kept_apart() {
        let (a, b) = (SecretKey::from_seed([1; 32]).public(), SecretKey::from_seed([2; 32]).public());
        let (tcp, quic) = (TransportType::new("tcp").unwrap(), TransportType::new("quic").unwrap());
        assert_eq!(TransportId::derive(&a, &b, &tcp), TransportId::derive(&b, &a, &tcp));
        assert_ne!(TransportId::derive(&a, &b, &tcp), TransportId::derive(&a, &b, &quic));
    }

    #[test]
    fn transport_type_names_are_checked() {
        for bad in ["", "TCP", "a b", "seventeen-letters"] {
            assert_eq!(TransportType::new(bad), Err(TransportTypeError), "{bad}");
        }
    }
}
