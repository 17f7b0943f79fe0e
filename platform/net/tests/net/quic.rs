//! Handshakes over a virtual path.

use std::net::SocketAddr;

use byway_net::{
    quic::{self, Accepted, QuicAcceptError, QuicConnectError, QuicProfile, negotiated_alpn},
    quinn_peer_key,
    virtual_path::synthetic_address,
};
use quinn::{Connection, Endpoint};

use crate::{PATIENCE, identity, memory::Network};

pub(crate) const ALPN: &[u8] = b"byway-test";

/// The address of the node with this seed.
pub(crate) fn address(seed: u8) -> SocketAddr {
    synthetic_address(&identity(seed).public())
}

/// An endpoint of the node with this seed.
pub(crate) fn endpoint(
    network: &std::sync::Arc<Network>,
    seed: u8,
    alpns: &[&[u8]],
    profile: &QuicProfile,
) -> Endpoint {
    quic::endpoint(network.path(address(seed)), address(seed), &identity(seed), alpns, profile).unwrap()
}

/// Node 1 dials node 2's address, expecting the key of node `expected`.
pub(crate) async fn meet(
    dialler: &Endpoint,
    acceptor: &Endpoint,
    expected: u8,
    alpn: &[u8],
    profile: &QuicProfile,
) -> (Result<Connection, QuicConnectError>, Result<Accepted, QuicAcceptError>) {
    let me = identity(1);
    let expect = identity(expected).public();
    let dial = quic::connect(dialler, &me, address(2), expect, alpn, profile, PATIENCE);
    tokio::join!(dial, async { quic::accept(acceptor.accept().await.unwrap(), PATIENCE).await })
}

#[tokio::test]
async fn both_ends_learn_key_address_and_protocol_of_the_other() {
    let (network, profile) = (Network::new(64, None), QuicProfile::session());
    let (one, two) = (endpoint(&network, 1, &[], &profile), endpoint(&network, 2, &[b"x", ALPN], &profile));
    let (dialled, accepted) = meet(&one, &two, 2, ALPN, &profile).await;
    let (dialled, accepted) = (dialled.unwrap(), accepted.unwrap());
    assert_eq!(quinn_peer_key(&dialled), Ok(identity(2).public()));
    assert_eq!((accepted.peer, &accepted.alpn[..]), (identity(1).public(), ALPN));
    assert_eq!(negotiated_alpn(&dialled).unwrap(), ALPN);
    assert_eq!((dialled.remote_address(), accepted.connection.remote_address()), (address(2), address(1)));
    assert!(dialled.max_datagram_size().unwrap() > 15_000);
}

#[tokio::test]
async fn a_peer_with_another_key_than_expected_is_refused() {
    let (network, profile) = (Network::new(64, None), QuicProfile::session());
    let (one, two) = (endpoint(&network, 1, &[], &profile), endpoint(&network, 2, &[ALPN], &profile));
    let (dialled, accepted) = meet(&one, &two, 3, ALPN, &profile).await;
    assert!(matches!(dialled, Err(QuicConnectError::WrongPeer)), "{dialled:?}");
    assert!(matches!(accepted, Err(QuicAcceptError::Handshake(_))), "{accepted:?}");
}

#[tokio::test]
async fn a_protocol_that_the_other_end_does_not_speak_is_refused() {
    let (network, profile) = (Network::new(64, None), QuicProfile::messaging());
    let (one, two) = (endpoint(&network, 1, &[], &profile), endpoint(&network, 2, &[ALPN], &profile));
    let (dialled, accepted) = meet(&one, &two, 2, b"unheard-of", &profile).await;
    assert!(matches!(dialled, Err(QuicConnectError::Refused(_))), "{dialled:?}");
    assert!(matches!(accepted, Err(QuicAcceptError::Handshake(_))), "{accepted:?}");
}

#[tokio::test]
async fn an_endpoint_without_protocols_accepts_nobody() {
    let (network, profile) = (Network::new(64, None), QuicProfile::session());
    let (one, _two) = (endpoint(&network, 1, &[], &profile), endpoint(&network, 2, &[], &profile));
    let me = identity(1);
    let within = std::time::Duration::from_millis(50);
    let dialled = quic::connect(&one, &me, address(2), identity(2).public(), ALPN, &profile, within).await;
    assert!(dialled.is_err(), "{dialled:?}");
}

#[tokio::test]
async fn a_dialler_without_a_key_is_refused() {
    let (network, profile) = (Network::new(64, None), QuicProfile::session());
    let (one, two) = (endpoint(&network, 1, &[], &profile), endpoint(&network, 2, &[ALPN], &profile));
    let mut tls = (*identity(1).client_config(byway_net::Expect::Any, &[ALPN])).clone();
    tls.client_auth_cert_resolver = crate::tcp::no_key();
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let mut config = quinn::ClientConfig::new(std::sync::Arc::new(tls));
    config.transport_config(profile.transport_config());
    let dialling = one.connect_with(config, address(2), "any").unwrap();
    let accepted = quic::accept(two.accept().await.unwrap(), PATIENCE);
    let (dialled, accepted) = tokio::join!(dialling, accepted);
    assert!(matches!(accepted, Err(QuicAcceptError::Handshake(_))), "{accepted:?}");
    // TLS 1.3 lets the dialler finish first; the refusal follows.
    if let Ok(connection) = dialled {
        connection.closed().await;
    }
}

#[tokio::test]
async fn one_endpoint_serves_many_peers_told_apart_by_their_addresses() {
    let (network, profile) = (Network::new(64, None), QuicProfile::messaging());
    let hub = endpoint(&network, 2, &[ALPN], &profile);
    for seed in [1, 3, 4] {
        let (me, own) = (identity(seed), endpoint(&network, seed, &[], &profile));
        let dial = quic::connect(&own, &me, address(2), identity(2).public(), ALPN, &profile, PATIENCE);
        let accept = async { quic::accept(hub.accept().await.unwrap(), PATIENCE).await };
        let (dialled, accepted) = tokio::join!(dial, accept);
        dialled.unwrap();
        let accepted = accepted.unwrap();
        assert_eq!(synthetic_address(&accepted.peer), accepted.connection.remote_address());
    }
}

#[tokio::test]
async fn connections_come_about_at_the_smallest_and_at_the_largest_mtu() {
    for (asked, got) in [(0, 1_200), (u16::MAX, 16_383)] {
        for profile in [QuicProfile::session(), QuicProfile::messaging()] {
            let (network, profile) = (Network::new(64, None), QuicProfile { mtu: asked, ..profile });
            let (one, two) = (endpoint(&network, 1, &[], &profile), endpoint(&network, 2, &[ALPN], &profile));
            let (dialled, accepted) = meet(&one, &two, 2, ALPN, &profile).await;
            accepted.unwrap();
            assert_eq!(dialled.unwrap().stats().path.current_mtu, got);
        }
    }
}
