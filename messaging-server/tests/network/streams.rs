//! What honest clients see.

use byway_base::{Code, Problem};
use byway_messaging_client::{ALPN_ADMIN, ALPN_TRANSPORT, ConnectError, MessagingClient};
use tokio_util::sync::CancellationToken;

use crate::support::{Server, client, key, secret, spawn_hasher, transfer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_arrive_byte_by_byte_through_one_server() {
    let server = Server::start(1).await;
    let (a, b) = (client(10, &[&server]), client(11, &[&server]));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    b.ready().await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    transfer(&connection, 64, async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_at_once_work_and_the_connection_is_shared() {
    let server = Server::start(1).await;
    let (a, b) = (client(10, &[&server]), client(11, &[&server]));
    spawn_hasher(a.accept(ALPN_TRANSPORT).unwrap());
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    a.ready().await;
    b.ready().await;
    let there = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    let again = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    assert_eq!(there.stable_id(), again.stable_id());
    let back = b.connect(key(10), ALPN_TRANSPORT).await.unwrap();
    tokio::join!(transfer(&there, 8, async |_| {}), transfer(&back, 8, async |_| {}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reasons_why_a_peer_is_not_reached_are_told_apart() {
    let server = Server::start(1).await;
    let (a, b) = (client(10, &[&server]), client(11, &[&server]));
    a.ready().await;
    b.ready().await;
    let absent = a.connect(key(12), ALPN_TRANSPORT).await.unwrap_err();
    assert!(matches!(absent, ConnectError::NotThere(_)), "{absent}");
    assert_eq!(Problem::from(&absent).code, Code::PeerUnreachable);
    let refused = a.connect(key(11), ALPN_ADMIN).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Refused(_)), "{refused}");

    let shutdown = CancellationToken::new();
    let mut config = byway_messaging_client::Config::new(secret(13));
    let address = server.kill().await;
    config.servers = vec![byway_messaging_client::ServerAddress { key: key(1), address }];
    let alone = MessagingClient::start(config, shutdown.clone()).unwrap();
    let unreached = loop {
        // The first attempt may still be under way.
        match alone.connect(key(11), ALPN_TRANSPORT).await.unwrap_err() {
            ConnectError::Timeout(_) => {}
            error => break error,
        }
    };
    assert_eq!(unreached, ConnectError::NoServer);
    assert_eq!(Problem::from(&unreached).code, Code::MessagingUnreachable);
    shutdown.cancel();
    alone.closed().await;
    assert_eq!(alone.connect(key(11), ALPN_TRANSPORT).await.unwrap_err(), ConnectError::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protocol_that_nobody_accepts_does_not_hold_up_another() {
    let server = Server::start(1).await;
    let a = client(10, &[&server]);
    let mut config = byway_messaging_client::Config::new(secret(11));
    config.servers = vec![server.at];
    config.alpns = vec![ALPN_TRANSPORT, ALPN_ADMIN];
    let b = MessagingClient::start(config, CancellationToken::new()).unwrap();
    // Registered, and never read.
    let _unread = b.accept(ALPN_ADMIN).unwrap();
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    b.ready().await;
    let _waiting = a.connect(key(11), ALPN_ADMIN).await.unwrap();
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    transfer(&connection, 1, async |_| {}).await;
    assert!(b.accept(byway_messaging_client::ALPN_SETUP).is_err());
}
