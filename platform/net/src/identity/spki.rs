//! The one certificate type of the network: an Ed25519 SubjectPublicKeyInfo (RFC 8410, section 4).

use byway_base::PublicKey;

/// DER of `SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING (32 bytes follow) }`. The encoding of an Ed25519 key is
/// unique, so that comparing these bytes is a complete parser.
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The 44 bytes of `key`.
pub(super) fn encode(key: &PublicKey) -> [u8; 44] {
    let mut der = [0; 44];
    der[..12].copy_from_slice(&PREFIX);
    der[12..].copy_from_slice(key.as_bytes());
    der
}

/// The key, if `der` is exactly one of Ed25519 and of large order.
pub(super) fn decode(der: &[u8]) -> Option<PublicKey> {
    let key: [u8; 32] = der.strip_prefix(&PREFIX)?.try_into().ok()?;
    PublicKey::from_bytes(key).ok()
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_reads_back_and_every_other_length_is_refused(seed: [u8; 32], cut in 0usize..44, tail: u8) {
            let key = SecretKey::from_seed(seed).public();
            let der = encode(&key);
            prop_assert_eq!(decode(&der), Some(key));
            prop_assert_eq!(decode(&der[..cut]), None);
            prop_assert_eq!(decode(&[&der[..], &[tail]].concat()), None);
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let mut der = [0; 44];
        der[..12].copy_from_slice(&PREFIX);
        der[12] = 1;
        assert_eq!(decode(&der), None);
    }
}
