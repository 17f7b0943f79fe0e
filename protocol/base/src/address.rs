//! `<public key>:<port>`, the address of an app.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    PublicKey,
    key::{KeyError, serde_as_text},
};

/// Names an app on a node. Zero is never a listener.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Port(pub u16);

/// An app on the overlay: `<public key>:<port>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OverlayAddress {
    /// The node.
    pub key: PublicKey,
    /// The app's port on it.
    pub port: Port,
}

/// Why a text is no overlay address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `:`.
    #[error("an overlay address is <public key>:<port>")]
    NoPort,
    /// The part before the colon is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The part after the colon is no number from 1 to 65535.
    #[error("a port is a number from 1 to 65535")]
    Port,
}

impl FromStr for Port {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.parse() {
            Ok(0) | Err(_) => Err(AddressError::Port),
            Ok(port) => Ok(Self(port)),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OverlayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (key, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        Ok(Self { key: key.parse()?, port: port.parse()? })
    }
}

impl fmt::Display for OverlayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.port)
    }
}

impl fmt::Debug for OverlayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.key, self.port)
    }
}

serde_as_text!(OverlayAddress, "OverlayAddress", "^[a-z2-7]{52}:[0-9]{1,5}$");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;

    #[test]
    fn an_overlay_address_reads_back() {
        let address = OverlayAddress { key: SecretKey::from_seed([3; 32]).public(), port: Port(80) };
        assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn bad_ports_and_keys_are_told_apart() {
        let key = SecretKey::from_seed([3; 32]).public();
        assert_eq!(format!("{key}:0").parse::<OverlayAddress>(), Err(AddressError::Port));
        assert_eq!(format!("{key}:65536").parse::<OverlayAddress>(), Err(AddressError::Port));
        assert_eq!("abc:1".parse::<OverlayAddress>(), Err(AddressError::Key(KeyError::Text)));
        assert_eq!(key.to_string().parse::<OverlayAddress>(), Err(AddressError::NoPort));
    }
}
