//! What the peers of one attempt know and others do not.

use byway_wire::punch::Half;
use sha2::{Digest, Sha256};

use crate::stun::Password;

/// The secret of an attempt: it names the attempt and authenticates its checks. Its `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct Secret([u8; 16]);

/// How many bytes of it name the attempt and so are readable on the way. The others are the password.
const NAME: usize = 4;

impl Secret {
    /// From the halves that both peers drew.
    #[must_use]
    pub fn new(initiator: Half, responder: Half) -> Self {
        let digest = Sha256::new()
            .chain_update(b"byway punch v1\0")
            .chain_update(initiator.0)
            .chain_update(responder.0)
            .finalize();
        let mut secret = [0; 16];
        secret.copy_from_slice(&digest[..16]);
        Self(secret)
    }

    pub(crate) fn name(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0[..NAME])
    }

    pub(crate) fn password(&self) -> Password {
        Password::new(&self.0[NAME..])
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_as_documented_and_depends_on_both_halves_and_their_roles() {
        let (a, b) = (Half([1; 16]), Half([2; 16]));
        let secret = Secret::new(a, b);
        let digest = Sha256::digest([&b"byway punch v1\0"[..], &[1; 16], &[2; 16]].concat());
        assert_eq!(secret.0, digest[..16]);
        for other in [Secret::new(b, a), Secret::new(a, a), Secret::new(b, b)] {
            assert_ne!(secret.0, other.0);
        }
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
