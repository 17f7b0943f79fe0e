//! Ed25519 identities (RFC 8032) and their text forms.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

/// A node's or service's identity: the 32 bytes of an Ed25519 public key.
///
/// Prints as 52 lower-case base32 characters (RFC 4648, no padding), which fits one DNS label. Parses from
/// base32, from 64 hexadecimal characters and from base58. Ordered by its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// The 32-byte seed of an Ed25519 key pair. Wiped on drop; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SecretKey {
    signing: SigningKey,
}

/// A 64-byte Ed25519 signature. As text: 128 lower-case hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

/// Why a key or a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 52 base32, 64 hexadecimal or base58 characters of 32 bytes.
    #[error("a key is 52 base32, 64 hexadecimal or 43 to 44 base58 characters")]
    Text,
    /// The bytes are no point of the curve, or one of small order.
    #[error("the bytes are not a valid Ed25519 public key")]
    Point,
    /// The text of a signature is not 128 hexadecimal characters.
    #[error("a signature is 128 hexadecimal characters")]
    SignatureText,
    /// The signature does not belong to this key and message.
    #[error("the signature does not match")]
    Mismatch,
}

impl PublicKey {
    /// Accepts 32 bytes that are a curve point of large order.
    ///
    /// # Errors
    /// [`KeyError::Point`] otherwise.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let point = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Point)?;
        if point.is_weak() { Err(KeyError::Point) } else { Ok(Self(bytes)) }
    }

    /// Takes bytes that were a key when they were put away, without looking whether they still are: that costs some 5 µs.
    /// Should they have been altered since, nothing verifies under them.
    #[must_use]
    pub const fn from_kept_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Verifies strictly (RFC 8032 with the cofactor and small-order checks of `verify_strict`).
    ///
    /// # Errors
    /// [`KeyError::Mismatch`] if the signature is not this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::Point)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(message, &signature).map_err(|_| KeyError::Mismatch)
    }

    /// The first eight characters, for logs and tables.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }

    /// The 64 lower-case hexadecimal characters.
    #[must_use]
    pub fn to_hex(&self) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.0)
    }

    /// The base58 form.
    #[must_use]
    pub fn to_base58(&self) -> String {
        bs58::encode(&self.0).into_string()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(decode_32(text).ok_or(KeyError::Text)?)
    }
}

/// The three text forms differ in length, so that no text is ambiguous.
fn decode_32(text: &str) -> Option<[u8; 32]> {
    let bytes = match text.len() {
        52 => BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?,
        64 => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?,
        32..=44 => bs58::decode(text).into_vec().ok()?,
        _ => return None,
    };
    bytes.try_into().ok()
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl SecretKey {
    /// Derives the key pair from 32 bytes that the caller drew at random.
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&seed);
        seed.zeroize();
        Self { signing }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key().to_bytes())
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.signing.sign(message).to_bytes())
    }

    /// The seed, for the one place that writes it to a file or hands it to TLS. The caller wipes the copy.
    #[must_use]
    pub fn expose_seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.signing.to_bytes())
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        decode_32(text).map(Self::from_seed).ok_or(KeyError::Text)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl Signature {
    /// Wraps 64 bytes; validity shows only in [`PublicKey::verify`].
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl FromStr for Signature {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| KeyError::SignatureText)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::SignatureText)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER_PERMISSIVE.encode(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", HEXLOWER_PERMISSIVE.encode(&self.0[..4]))
    }
}

/// Serialises a type by its `Display` and `FromStr`, and describes it to OpenAPI as a string.
macro_rules! serde_as_text {
    ($type:ty, $name:literal, $pattern:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}
pub(crate) use serde_as_text;

serde_as_text!(PublicKey, "PublicKey", "^[a-z2-7]{52}$");
serde_as_text!(Signature, "Signature", "^[0-9a-f]{128}$");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_form_of_a_key_reads_back_as_the_same_key(seed: [u8; 32]) {
            let key = SecretKey::from_seed(seed).public();
            prop_assert_eq!(key.to_string().len(), 52);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            prop_assert_eq!(key.to_hex().parse(), Ok(key));
            prop_assert_eq!(key.to_base58().parse(), Ok(key));
            prop_assert_eq!(key.to_string().to_uppercase().parse(), Ok(key));
        }

        #[test]
        fn no_text_makes_key_parsing_panic(text in "\\PC{0,80}") {
            let _ = text.parse::<PublicKey>();
            let _ = text.parse::<Signature>();
        }
    }

    #[test]
    fn the_first_test_vector_of_rfc_8032_holds() {
        let secret: SecretKey =
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().unwrap();
        assert_eq!(
            secret.public().to_hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
        let signature = secret.sign(b"");
        assert!(signature.to_string().starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974"));
        assert_eq!(secret.public().verify(b"", &signature), Ok(()));
        assert_eq!(secret.public().verify(b"x", &signature), Err(KeyError::Mismatch));
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(identity), Err(KeyError::Point));
    }

    #[test]
    fn debug_output_of_a_secret_key_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", SecretKey::from_seed([7; 32])), "SecretKey(…)");
    }
}
