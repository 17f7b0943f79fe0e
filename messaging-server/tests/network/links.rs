//! How clients are connected to servers, and to peers that are on other servers.

use std::{net::SocketAddr, sync::Arc};

use byway_base::{Problem, PublicKey, UnixTime};
use byway_messaging_client::{
    ALPN_TRANSPORT, Config, ConnectError, Directory, MessagingClient, Protocol, RelayedPeer, ServerAddress,
};
use byway_wire::{Record, RecordBody, SignedRecord};
use futures_util::{FutureExt, future::BoxFuture};
use tokio_util::sync::CancellationToken;

use crate::support::{Records, Server, Start, key, secret, spawn_hasher, transfer, wait_until};

/// A directory that lists no servers: clients stay on those that they are told.
struct Unlisted(Arc<Records>);

impl Directory for Unlisted {
    fn look_up(&self, keys: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        self.0.look_up(keys)
    }

    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn publish(&self, record: SignedRecord) -> BoxFuture<'_, Result<(), Problem>> {
        self.0.publish(record)
    }
}

async fn server(n: u8, records: &Arc<Records>) -> Server {
    let start = Start { directory: Some(records.clone()), ..Default::default() };
    let server = Server::start_with(n, start).await;
    server.health.ready().await;
    server
}

/// A client on exactly these servers.
fn client(n: u8, records: &Arc<Records>, on: &[&Server], prefer: Protocol) -> MessagingClient {
    let mut config = Config::new(secret(n));
    config.directory = Some(Arc::new(Unlisted(records.clone())));
    config.servers = on.iter().map(|server| server.at).collect();
    config.servers_wanted = on.len();
    config.alpns = vec![ALPN_TRANSPORT];
    config.prefer = prefer;
    MessagingClient::start(config, CancellationToken::new()).unwrap()
}

/// Waits until the client can be found on all of these.
async fn settled(client: &MessagingClient, records: &Records, on: &[&Server]) {
    let mut keys: Vec<_> = on.iter().map(|server| server.at.key).collect();
    keys.sort();
    wait_until(client, |status| status.delegated == keys).await;
    while !matches!(records.body_of(client.key()), Some(RecordBody::Node { servers, .. }) if servers == keys)
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_share_no_server_are_connected_through_two_at_once_and_say_so() {
    let records = Arc::<Records>::default();
    let (first, second) = (server(1, &records).await, server(2, &records).await);
    let a = client(10, &records, &[&first], Protocol::Tcp);
    let b = client(11, &records, &[&second], Protocol::Tcp);
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    settled(&a, &records, &[&first]).await;
    settled(&b, &records, &[&second]).await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    assert_eq!(a.status().relayed, [RelayedPeer { peer: key(11), via: key(1), at: key(2) }]);
    assert_eq!(a.status().servers.len(), 1);
    // Traffic that lasts gets a link of its own, and nothing breaks by that.
    transfer(&connection, 16, async |_| {}).await;
    let extra = wait_until(&a, |status| status.servers.iter().any(|server| !server.home)).await;
    assert_eq!(extra.delegated, [key(1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_when_the_only_common_server_dies() {
    let records = Arc::<Records>::default();
    let common = server(1, &records).await;
    let (second, third) = (server(2, &records).await, server(3, &records).await);
    let a = client(10, &records, &[&common, &second], Protocol::Tcp);
    let b = client(11, &records, &[&common, &third], Protocol::Tcp);
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    settled(&a, &records, &[&common, &second]).await;
    settled(&b, &records, &[&common, &third]).await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    assert!(a.status().relayed.is_empty());
    let mut common = Some(common);
    transfer(&connection, 32, async |n| {
        if n == 8 {
            common.take().unwrap().kill().await;
        }
    })
    .await;
    assert!(connection.close_reason().is_none());
    assert!(!a.status().delegated.contains(&key(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_over_quic_carry_streams_and_outlive_a_server_as_those_over_tcp_do() {
    let records = Arc::<Records>::default();
    let (first, second) = (server(1, &records).await, server(2, &records).await);
    let both = [&first, &second];
    let a = client(10, &records, &both, Protocol::Quic);
    let b = client(11, &records, &both, Protocol::Tcp);
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    settled(&a, &records, &both).await;
    settled(&b, &records, &both).await;
    let protocols = |client: &MessagingClient| {
        client.status().servers.iter().map(|server| server.protocol).collect::<Vec<_>>()
    };
    assert_eq!(protocols(&a), [Some(Protocol::Quic); 2]);
    assert_eq!(protocols(&b), [Some(Protocol::Tcp); 2]);
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    let mut first = Some(first);
    transfer(&connection, 24, async |n| {
        if n == 8 {
            first.take().unwrap().kill().await;
        }
    })
    .await;
    assert!(connection.close_reason().is_none());
}

/// A record of server 1 that gives these addresses.
async fn list(records: &Records, addresses: Vec<SocketAddr>, udp: Vec<SocketAddr>) {
    let body = RecordBody::Server {
        addresses,
        udp,
        capacity: 100,
        clients: 0,
        region: String::new(),
        draining: false,
    };
    let expires = UnixTime(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 60);
    let record = Record { subject: key(1), sequence: u64::MAX, expires, body };
    records.publish(record.sign(&secret(1))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_one_protocol_or_address_does_not_get_through_another_is_used() {
    let server = Server::start(1).await;
    let closed = SocketAddr::from(([127, 0, 0, 1], 1));
    let ways = [
        (vec![closed], vec![server.udp], Protocol::Quic),
        (vec![closed, server.at.address], Vec::new(), Protocol::Tcp),
    ];
    for (n, (tcp, udp, expected)) in (20..).zip(ways) {
        let records = Arc::<Records>::default();
        list(&records, tcp, udp).await;
        let mut config = Config::new(secret(n));
        config.directory = Some(records);
        let client = MessagingClient::start(config, CancellationToken::new()).unwrap();
        let status = wait_until(&client, |status| status.connected).await;
        assert_eq!(status.servers[0].protocol, Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_says_why_a_server_is_not_connected() {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut config = Config::new(secret(10));
    config.servers = vec![ServerAddress { key: key(1), address }];
    let client = MessagingClient::start(config, CancellationToken::new()).unwrap();
    let status = wait_until(&client, |status| status.servers.iter().any(|s| s.problem.is_some())).await;
    assert!(!status.connected && status.servers[0].protocol.is_none());
    let unreached = client.connect(key(11), ALPN_TRANSPORT).await.unwrap_err();
    assert!(matches!(unreached, ConnectError::NoServer | ConnectError::Timeout(_)), "{unreached}");
}
