//! The cryptography of every link: aws-lc-rs through rustls, given explicitly and never taken from the process.

use std::sync::{Arc, LazyLock};

use byway_base::SecretKey;
use rustls::{
    SupportedCipherSuite,
    crypto::{
        CryptoProvider,
        aws_lc_rs::{self, cipher_suite, kx_group},
    },
    pki_types::PrivatePkcs8KeyDer,
    sign::SigningKey,
};
use zeroize::Zeroizing;

/// DER of an Ed25519 PKCS#8 v1 key (RFC 8410, section 7) up to its 32 bytes of seed.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Built once: every configuration shares it.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider {
        cipher_suites: cipher_suites(has_aes()),
        // The hybrid withstands an attacker who records today and owns a quantum computer later; plain X25519 stays
        // for peers whose library lacks the hybrid.
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519],
        ..aws_lc_rs::default_provider()
    })
});

/// The provider: post-quantum key exchange first, the ciphers in the order of this machine's speed.
pub(super) fn provider() -> Arc<CryptoProvider> {
    PROVIDER.clone()
}

/// Hands the seed to TLS; the encoding in between is wiped.
pub(super) fn signing_key(secret: &SecretKey) -> Arc<dyn SigningKey> {
    let mut der = Zeroizing::new([0; 48]);
    der[..16].copy_from_slice(&PKCS8_PREFIX);
    der[16..].copy_from_slice(&*secret.expose_seed());
    aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(&der[..]))
        .expect("any 32 bytes are an Ed25519 seed")
}

/// The dialler's order decides. Without AES in hardware ChaCha20 is several times faster, and constant in time. With
/// it the 128-bit key goes first: it is the suite that every TLS 1.3 has, and each byte of bulk traffic costs a sixth
/// less to encrypt than with 256 bits.
fn cipher_suites(hardware_aes: bool) -> Vec<SupportedCipherSuite> {
    let aes = [cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384];
    let chacha = cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    if hardware_aes { vec![aes[0], aes[1], chacha] } else { vec![chacha, aes[0], aes[1]] }
}

fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use rustls::CipherSuite;

    use super::*;

    #[test]
    fn the_cipher_offered_first_follows_the_hardware() {
        assert_eq!(cipher_suites(true)[0].suite(), CipherSuite::TLS13_AES_128_GCM_SHA256);
        assert_eq!(cipher_suites(false)[0].suite(), CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    }

    #[test]
    fn post_quantum_key_exchange_is_offered_first() {
        assert_eq!(provider().kx_groups[0].name(), rustls::NamedGroup::X25519MLKEM768);
        assert_eq!(provider().kx_groups.len(), 2);
    }
}
