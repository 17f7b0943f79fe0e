//! Clients and servers that find each other through a directory.

use std::sync::{Arc, atomic::Ordering};

use byway_base::Code;
use byway_messaging_client::{ALPN_TRANSPORT, Config, ConnectError, MessagingClient};
use byway_wire::RecordBody;
use tokio_util::sync::CancellationToken;

use crate::support::{Records, Server, Start, key, secret, spawn_hasher, transfer, wait_until};

async fn server(n: u8, records: &Arc<Records>) -> Server {
    let server =
        Server::start_with(n, Start { directory: Some(records.clone()), ..Default::default() }).await;
    server.health.ready().await;
    server
}

/// A client that stays on one server only: the one given, or any.
fn client(n: u8, records: &Arc<Records>, on: Option<&Server>) -> (MessagingClient, CancellationToken) {
    let mut config = Config::new(secret(n));
    config.directory = Some(records.clone());
    config.servers = on.map(|server| server.at).into_iter().collect();
    config.servers_wanted = 1;
    config.alpns = vec![ALPN_TRANSPORT];
    let shutdown = CancellationToken::new();
    (MessagingClient::start(config, shutdown.clone()).unwrap(), shutdown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_on_different_servers_reach_each_other_by_their_records() {
    let all = Arc::<Records>::default();
    let _first = server(1, &all).await;
    let (b, _) = client(11, &all, None);
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    wait_until(&b, |status| status.delegated == [key(1)]).await;
    let second = server(2, &all).await;
    let (a, _) = client(10, &all, Some(&second));
    a.ready().await;
    let connection = loop {
        // The record of `b` is published a moment after `b` is connected.
        match a.connect(key(11), ALPN_TRANSPORT).await {
            Ok(connection) => break connection,
            Err(ConnectError::NoRecord) => {}
            Err(error) => panic!("{error}"),
        }
    };
    transfer(&connection, 4, async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_shuts_down_withdraws_its_record() {
    let records = Arc::<Records>::default();
    let _server = server(1, &records).await;
    let (a, _) = client(10, &records, None);
    let (b, shutdown) = client(11, &records, None);
    wait_until(&b, |status| !status.delegated.is_empty()).await;
    a.ready().await;
    let connection = loop {
        match a.connect(key(11), ALPN_TRANSPORT).await {
            Ok(connection) => break connection,
            Err(ConnectError::NoRecord) => {}
            Err(error) => panic!("{error}"),
        }
    };
    shutdown.cancel();
    b.closed().await;
    assert_eq!(records.body_of(key(11)), Some(RecordBody::Tombstone {}));
    connection.closed().await;
    let error = loop {
        // What is known of `b` is believed for a moment longer.
        match a.connect(key(11), ALPN_TRANSPORT).await.unwrap_err() {
            ConnectError::NotThere(_) | ConnectError::Timeout(_) => tokio::task::yield_now().await,
            error => break error,
        }
    };
    assert_eq!(error, ConnectError::NoRecord);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_directory_a_server_relays_on_and_says_what_is_missing() {
    let records = Arc::<Records>::default();
    records.down.store(true, Ordering::SeqCst);
    let start = Start { directory: Some(records.clone()), ..Default::default() };
    let server = Server::start_with(1, start).await;
    let (a, _) = client(10, &records, Some(&server));
    let (b, _) = client(11, &records, Some(&server));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    b.ready().await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    transfer(&connection, 1, async |_| {}).await;
    let status = wait_until(&a, |status| !status.problems.is_empty()).await;
    assert_eq!(status.problems[0].code, Code::ServiceUnreachable);
    let report = format!("{:?}", server.health.report());
    assert!(report.contains("messaging-discovery"), "{report}");
    records.down.store(false, Ordering::SeqCst);
    wait_until(&a, |status| status.problems.is_empty()).await;
}
