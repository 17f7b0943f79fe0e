//! Addresses for peers that have none.

use std::net::{Ipv6Addr, SocketAddr};

use byway_base::PublicKey;
use sha2::{Digest, Sha256};

/// Keeps these hashes apart from any other use of a key's hash.
const DOMAIN: &[u8] = b"byway synthetic address v1";

/// QUIC refuses port 0. The port tells nothing, the 120 bits of hash do.
const PORT: u16 = 1;

/// The address that stands for `key` on a virtual path: `fd` and 120 bits of a hash, in the range of unique local
/// addresses (RFC 4193), so that it cannot be taken for a reachable one. The same key has the same address everywhere
/// and always; it never goes on a wire.
#[must_use]
pub fn synthetic_address(key: &PublicKey) -> SocketAddr {
    let hash = Sha256::new().chain_update(DOMAIN).chain_update(key.as_bytes()).finalize();
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    octets[1..].copy_from_slice(&hash[..15]);
    (Ipv6Addr::from(octets), PORT).into()
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    #[test]
    fn a_key_always_has_the_same_address_and_two_keys_have_two() {
        let [a, b] = [1, 2].map(|seed| SecretKey::from_seed([seed; 32]).public());
        assert_eq!(synthetic_address(&a), synthetic_address(&a));
        assert_ne!(synthetic_address(&a), synthetic_address(&b));
    }

    #[test]
    fn a_synthetic_address_is_unique_local_and_usable_by_quic() {
        let address = synthetic_address(&SecretKey::from_seed([1; 32]).public());
        assert!(matches!(address, SocketAddr::V6(v6) if v6.ip().is_unique_local() && v6.port() != 0));
    }
}
