//! An Ed25519 key pair as the two sides of a TLS 1.3 handshake (RFC 8446) with raw public keys (RFC 7250).
//!
//! There are no certificates, names or authorities: a peer is its key. Both sides prove theirs in every handshake;
//! resumption is off, because a resumed session would skip that proof and with it the check of the expected key.

mod provider;
mod spki;
mod verifier;

use std::{fmt, sync::Arc};

use byway_base::{PublicKey, SecretKey};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    ClientConfig, ServerConfig,
    client::{AlwaysResolvesClientRawPublicKeys, Resumption},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName},
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
    sign::CertifiedKey,
};

use verifier::Verifier;

/// A key pair ready for handshakes. Cheap to clone; `Debug` shows the public key only.
#[derive(Clone)]
pub struct Identity {
    public: PublicKey,
    key: Arc<CertifiedKey>,
    provider: Arc<CryptoProvider>,
}

/// Which peer a dialler accepts at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whoever proves a key; the caller reads it afterwards and decides.
    Any,
    /// This key's owner only. Anyone else fails the handshake.
    Exactly(PublicKey),
}

/// Why a connection does not say who its peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The peer proved no key, or more than one.
    #[error("the peer proved no single key")]
    NoKey,
    /// What the peer presented is not an Ed25519 public key of large order.
    #[error("the peer's key is not a valid Ed25519 public key")]
    BadKey,
}

impl Identity {
    /// Prepares `secret` for handshakes. TLS keeps its own copy; this one is wiped on return.
    #[must_use]
    pub fn new(secret: SecretKey) -> Self {
        let public = secret.public();
        let spki = CertificateDer::from(spki::encode(&public).to_vec());
        let key = Arc::new(CertifiedKey::new(vec![spki], provider::signing_key(&secret)));
        Self { public, key, provider: provider::provider() }
    }

    /// The public key that this identity proves.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The dialling side: proves our key, requires the peer's to be the one expected, offers `alpns` in this order.
    /// TLS 1.3 only, no server name sent, no resumption.
    #[must_use]
    pub fn client_config(&self, expect: Expect, alpns: &[&[u8]]) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites and groups for TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(expect, &self.provider)))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(self.key.clone())));
        config.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Arc::new(config)
    }

    /// The accepting side: proves our key, requires the peer to prove one, speaks only `alpns`, the first in this
    /// order that the peer offers. TLS 1.3 only, no tickets.
    #[must_use]
    pub fn server_config(&self, alpns: &[&[u8]]) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has suites and groups for TLS 1.3")
            .with_client_cert_verifier(Arc::new(Verifier::new(Expect::Any, &self.provider)))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(self.key.clone())));
        config.alpn_protocols = alpns.iter().map(|alpn| alpn.to_vec()).collect();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Arc::new(config)
    }

    /// [`Identity::client_config`] for a QUIC connection (RFC 9001).
    #[must_use]
    pub fn quic_client_config(&self, expect: Expect, alpns: &[&[u8]]) -> Arc<QuicClientConfig> {
        let config = QuicClientConfig::try_from(self.client_config(expect, alpns));
        Arc::new(config.expect("the provider has the suite of initial packets"))
    }

    /// [`Identity::server_config`] for QUIC connections (RFC 9001).
    #[must_use]
    pub fn quic_server_config(&self, alpns: &[&[u8]]) -> Arc<QuicServerConfig> {
        let config = QuicServerConfig::try_from(self.server_config(alpns));
        Arc::new(config.expect("the provider has the suite of initial packets"))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.public).finish()
    }
}

impl Expect {
    /// TLS wants a name to dial. It is never sent and never checked; deriving it from the key keeps whatever a library
    /// caches by name apart per peer.
    pub(crate) fn server_name(self) -> String {
        match self {
            Self::Any => "any".to_owned(),
            Self::Exactly(key) => key.to_string(),
        }
    }

    pub(crate) fn tls_server_name(self) -> ServerName<'static> {
        self.server_name().try_into().expect("52 base32 characters are a DNS label")
    }
}

/// The key that the peer proved, from what TLS reports as its certificates.
///
/// # Errors
/// [`IdentityError`] if there is none (the handshake is not over) or it is no Ed25519 key.
pub fn peer_key(certificates: &[CertificateDer<'_>]) -> Result<PublicKey, IdentityError> {
    match certificates {
        [spki] => spki::decode(spki).ok_or(IdentityError::BadKey),
        _ => Err(IdentityError::NoKey),
    }
}

/// The key that the peer of a QUIC connection proved.
///
/// # Errors
/// [`IdentityError`] if there is none (the handshake is not over) or it is no Ed25519 key.
pub fn quinn_peer_key(connection: &quinn::Connection) -> Result<PublicKey, IdentityError> {
    let identity = connection.peer_identity().ok_or(IdentityError::NoKey)?;
    let certificates =
        identity.downcast::<Vec<CertificateDer<'static>>>().map_err(|_| IdentityError::NoKey)?;
    peer_key(&certificates)
}
