use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use byway_net::{
    Expect, HandshakeLimits, Identity, IdentityError, peer_key,
    tcp::{AcceptError, ConnectError, TlsConnection, TlsListener, accept, connect},
};
use rustls::crypto::aws_lc_rs;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;

use crate::{PATIENCE, identity};

const ALPN: &[u8] = b"byway-test";

async fn port() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Dials with `dialler` and accepts as identity 2, both to the end.
async fn meet(
    dialler: Identity,
    expect: Expect,
    offered: &[u8],
    spoken: &[&[u8]],
) -> (Result<TlsConnection, ConnectError>, Result<TlsConnection, AcceptError>) {
    let (listener, address) = port().await;
    let config = identity(2).server_config(spoken);
    tokio::join!(connect(address, &dialler, expect, offered, PATIENCE), async {
        accept(listener.accept().await.unwrap().0, config, PATIENCE).await
    })
}

#[tokio::test]
async fn both_ends_learn_the_key_that_the_other_proved() {
    let expect = Expect::Exactly(identity(2).public());
    let (dialled, accepted) = meet(identity(1), expect, ALPN, &[b"other", ALPN]).await;
    let (mut dialled, mut accepted) = (dialled.unwrap(), accepted.unwrap());
    assert_eq!((dialled.peer, accepted.peer), (identity(2).public(), identity(1).public()));
    assert_eq!((&dialled.alpn[..], &accepted.alpn[..]), (ALPN, ALPN));
    let session = dialled.stream.get_ref().1;
    assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    let group = session.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    assert!(dialled.stream.get_ref().0.nodelay().unwrap() && accepted.stream.get_ref().0.nodelay().unwrap());
    dialled.stream.write_all(b"hello").await.unwrap();
    dialled.stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    accepted.stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"hello");
}

#[tokio::test]
async fn a_peer_with_another_key_than_expected_is_refused() {
    let expect = Expect::Exactly(identity(3).public());
    let (dialled, accepted) = meet(identity(1), expect, ALPN, &[ALPN]).await;
    assert!(matches!(dialled, Err(ConnectError::WrongPeer)), "{dialled:?}");
    assert!(matches!(accepted, Err(AcceptError::Handshake(_))), "{accepted:?}");
}

#[tokio::test]
async fn a_dialler_that_expects_anyone_learns_who_answered() {
    let (dialled, _) = meet(identity(1), Expect::Any, ALPN, &[ALPN]).await;
    assert_eq!(dialled.unwrap().peer, identity(2).public());
}

#[tokio::test]
async fn a_protocol_that_the_other_end_does_not_speak_is_refused() {
    let (dialled, accepted) = meet(identity(1), Expect::Any, b"unheard-of", &[ALPN]).await;
    assert!(matches!(dialled, Err(ConnectError::Handshake(_))), "{dialled:?}");
    assert!(matches!(accepted, Err(AcceptError::Handshake(_))), "{accepted:?}");
}

/// What a stranger's own TLS configuration gets from our accepting side.
async fn dial_as_stranger(config: rustls::ClientConfig) -> Result<TlsConnection, AcceptError> {
    let (listener, address) = port().await;
    let stranger = async {
        let tcp = TcpStream::connect(address).await?;
        let mut tls = TlsConnector::from(Arc::new(config)).connect("any".try_into().unwrap(), tcp).await?;
        tls.read_u8().await
    };
    let ours = async {
        let (tcp, _) = listener.accept().await.unwrap();
        accept(tcp, identity(2).server_config(&[ALPN]), PATIENCE).await
    };
    let (stranger, ours) = tokio::join!(stranger, ours);
    assert!(stranger.is_err());
    ours
}

/// Our own configuration, to be spoilt in one respect.
fn honest() -> rustls::ClientConfig {
    (*identity(1).client_config(Expect::Any, &[ALPN])).clone()
}

/// What a browser would bring: certificates expected, no key of its own.
fn of_the_web() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

pub(crate) fn no_key() -> Arc<dyn rustls::client::ResolvesClientCert> {
    of_the_web().client_auth_cert_resolver
}

#[tokio::test]
async fn a_dialler_without_a_key_is_refused() {
    let mut config = honest();
    config.client_auth_cert_resolver = no_key();
    let accepted = dial_as_stranger(config).await;
    assert!(matches!(accepted, Err(AcceptError::Handshake(_))), "{accepted:?}");
}

#[tokio::test]
async fn a_dialler_that_knows_only_certificates_is_refused() {
    let accepted = dial_as_stranger(of_the_web()).await;
    assert!(matches!(accepted, Err(AcceptError::Handshake(_))), "{accepted:?}");
}

#[tokio::test]
async fn a_dialler_that_names_no_protocol_is_refused() {
    let mut config = honest();
    config.alpn_protocols.clear();
    let accepted = dial_as_stranger(config).await;
    assert!(matches!(accepted, Err(AcceptError::NoProtocol)), "{accepted:?}");
}

/// A ClientHello (RFC 5246, 7.4.1.2) that offers nothing later than TLS 1.2, by hand, since our TLS cannot say it.
fn client_hello_of_tls12() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    // Extensions: supported_groups (x25519), signature_algorithms (ed25519, ecdsa_secp256r1_sha256).
    body.extend([0, 18, 0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 6, 0, 4, 8, 7, 4, 3]);
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &body[..]].concat()
}

#[tokio::test]
async fn tls_1_2_is_refused_by_the_version_and_nothing_else() {
    let (listener, address) = port().await;
    let mut dialler = TcpStream::connect(address).await.unwrap();
    dialler.write_all(&client_hello_of_tls12()).await.unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    let accepted = accept(tcp, identity(2).server_config(&[ALPN]), PATIENCE).await;
    let Err(AcceptError::Handshake(error)) = accepted else { panic!("{accepted:?}") };
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()).unwrap();
    let refused = rustls::PeerIncompatible::SupportedVersionsExtensionRequired;
    let not_enabled = rustls::PeerIncompatible::Tls12NotOfferedOrEnabled;
    assert!(
        *cause == rustls::Error::PeerIncompatible(refused)
            || *cause == rustls::Error::PeerIncompatible(not_enabled),
        "{cause:?}"
    );
}

#[tokio::test]
async fn the_key_is_proved_again_in_every_handshake() {
    let (listener, address) = port().await;
    let server = identity(2).server_config(&[ALPN]);
    let client = TlsConnector::from(identity(1).client_config(Expect::Any, &[ALPN]));
    for _ in 0..2 {
        let dial = async {
            let tcp = TcpStream::connect(address).await?;
            let mut tls = client.connect("any".try_into().unwrap(), tcp).await?;
            let mut nothing = Vec::new();
            tls.read_to_end(&mut nothing).await?;
            io::Result::Ok(tls.get_ref().1.handshake_kind())
        };
        let serve = async {
            let (tcp, _) = listener.accept().await.unwrap();
            accept(tcp, server.clone(), PATIENCE).await.unwrap().stream.shutdown().await
        };
        let (kind, served) = tokio::join!(dial, serve);
        served.unwrap();
        assert_eq!(kind.unwrap(), Some(rustls::HandshakeKind::Full));
    }
}

#[tokio::test]
async fn a_silent_peer_is_given_up_in_time() {
    let (listener, address) = port().await;
    let within = Duration::from_millis(50);
    let dialled = connect(address, &identity(1), Expect::Any, ALPN, within).await;
    assert!(matches!(dialled, Err(ConnectError::Timeout(_))), "{dialled:?}");
    let (tcp, _) = listener.accept().await.unwrap();
    drop(tcp);
    let silent = TcpStream::connect(address).await.unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    let accepted = accept(tcp, identity(2).server_config(&[ALPN]), within).await;
    assert!(matches!(accepted, Err(AcceptError::Timeout(_))), "{accepted:?}");
    drop(silent);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_unreachable() {
    let (listener, address) = port().await;
    drop(listener);
    let dialled = connect(address, &identity(1), Expect::Any, ALPN, PATIENCE).await;
    assert!(matches!(dialled, Err(ConnectError::Unreachable(_))), "{dialled:?}");
}

#[tokio::test]
async fn three_hundred_silent_connections_do_not_delay_an_honest_one() {
    let (listener, address) = port().await;
    // The silent ones would hold their slots for a whole day.
    let limits = HandshakeLimits { timeout: Duration::from_secs(86_400), ..HandshakeLimits::default() };
    let mut listener = TlsListener::start(listener, identity(2).server_config(&[ALPN]), limits).unwrap();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let honest = identity(1);
    let dial = connect(address, &honest, Expect::Exactly(identity(2).public()), ALPN, PATIENCE);
    let (dialled, accepted) = tokio::join!(dial, listener.accept());
    dialled.unwrap();
    assert_eq!(accepted.unwrap().peer, honest.public());
    // They are limited by their address: all but as many as it may have were ended.
    let mut ended = 0;
    while ended < 300 - (limits.per_address - 1) {
        let nothing = silent[ended].read(&mut [0]).await;
        assert!(matches!(nothing, Ok(0) | Err(_)));
        ended += 1;
    }
}

#[tokio::test]
async fn a_dialler_that_talks_nonsense_costs_the_listener_nothing() {
    let mut listener =
        TlsListener::bind("127.0.0.1:0".parse().unwrap(), identity(2).server_config(&[ALPN])).await.unwrap();
    let address = listener.local_address();
    let mut liar = TcpStream::connect(address).await.unwrap();
    liar.write_all(&[0xff; 512]).await.unwrap();
    let honest = identity(1);
    let dial = connect(address, &honest, Expect::Any, ALPN, PATIENCE);
    let (dialled, accepted) = tokio::join!(dial, listener.accept());
    assert_eq!((dialled.unwrap().peer, accepted.unwrap().peer), (identity(2).public(), honest.public()));
}

#[tokio::test]
async fn connections_wait_for_an_owner_that_is_slow_to_take_them() {
    let (listener, address) = port().await;
    let limits = HandshakeLimits { at_once: 2, per_address: 2, timeout: PATIENCE };
    let mut listener = TlsListener::start(listener, identity(2).server_config(&[ALPN]), limits).unwrap();
    let mut dialled = Vec::new();
    for seed in 10..14 {
        dialled.push(connect(address, &identity(seed), Expect::Any, ALPN, PATIENCE).await.unwrap());
    }
    let mut peers = Vec::new();
    for _ in &dialled {
        peers.push(listener.accept().await.unwrap().peer);
    }
    assert_eq!(peers.len(), 4);
    (10..14).for_each(|seed| assert!(peers.contains(&identity(seed).public())));
}

#[test]
fn a_peer_that_presents_no_single_key_has_no_name() {
    assert_eq!(peer_key(&[]), Err(IdentityError::NoKey));
    let junk = rustls::pki_types::CertificateDer::from(vec![1, 2, 3]);
    assert_eq!(peer_key(std::slice::from_ref(&junk)), Err(IdentityError::BadKey));
    assert_eq!(peer_key(&[junk.clone(), junk]), Err(IdentityError::NoKey));
}
