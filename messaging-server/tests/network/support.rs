//! Servers, clients and raw connections for the tests.

mod raw;
mod records;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_messaging::SwitchLimits;
use byway_messaging_client::{
    ALPN_TRANSPORT, Config as ClientConfig, Directory, MessagingClient, PeerConnections, ServerAddress,
    Status,
};
use byway_messaging_server::{Config, MessagingServer, QuicListen};
use byway_service_kit::{Health, Service, Shutdown};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use raw::Raw;
pub(crate) use records::{Hanging, Records};

/// Nothing in a test takes this long unless it fails.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

pub(crate) fn key(n: u8) -> PublicKey {
    secret(n).public()
}

/// A messaging server that runs.
pub(crate) struct Server {
    pub(crate) at: ServerAddress,
    /// Where it speaks QUIC and answers STUN.
    pub(crate) udp: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) health: Health,
    pub(crate) task: JoinHandle<Result<(), Problem>>,
}

/// How to start a server.
pub(crate) struct Start {
    pub(crate) listen: SocketAddr,
    pub(crate) limits: SwitchLimits,
    /// Whether it links with other servers.
    pub(crate) relay: bool,
    pub(crate) directory: Option<Arc<dyn Directory>>,
}

impl Default for Start {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, limits: SwitchLimits::default(), relay: true, directory: None }
    }
}

impl Server {
    pub(crate) async fn start(n: u8) -> Self {
        Self::start_with(n, Start::default()).await
    }

    pub(crate) async fn start_with(n: u8, start: Start) -> Self {
        let config = Config {
            listen: vec![start.listen],
            quic_listen: QuicListen::SameAddress,
            public_address: Vec::new(),
            quic_public_address: Vec::new(),
            messaging_discovery: Vec::new(),
            region: format!("region-{n}"),
            relay: start.relay,
            limits: start.limits,
            key_file: "unused".into(),
        };
        let server = loop {
            match MessagingServer::bind_with(config.clone(), secret(n), start.directory.clone()).await {
                Ok(server) => break server,
                // A killed server's port is free only once its last task is gone.
                Err(problem) if problem.code == Code::Bind => tokio::task::yield_now().await,
                Err(problem) => panic!("{problem}"),
            }
        };
        let [address, udp] = [0, 1].map(|n| server.addresses()[n].1.parse().unwrap());
        let (shutdown, health) = (Shutdown::new(LONG), server.health());
        let task = tokio::spawn(server.serve(shutdown.clone()));
        Self { at: ServerAddress { key: key(n), address }, udp, shutdown, health, task }
    }

    /// Ends it as a crash would: all connections break at once.
    pub(crate) async fn kill(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.at.address
    }
}

/// Two honest clients, 10 and 11, that exchange some mebibytes through the server.
pub(crate) async fn transfer_through(server: &Server, mebibytes: u64) {
    let (a, b) = (client(10, &[server]), client(11, &[server]));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    b.ready().await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    transfer(&connection, mebibytes, async |_| {}).await;
}

/// A client of `servers` that accepts transports.
pub(crate) fn client(n: u8, servers: &[&Server]) -> MessagingClient {
    let mut config = ClientConfig::new(secret(n));
    config.servers = servers.iter().map(|server| server.at).collect();
    config.alpns = vec![ALPN_TRANSPORT];
    MessagingClient::start(config, CancellationToken::new()).unwrap()
}

/// Waits for a state of the client.
pub(crate) async fn wait_until(client: &MessagingClient, holds: impl FnMut(&Status) -> bool) -> Status {
    let waiting = async { client.watch().wait_for(holds).await.unwrap().clone() };
    match tokio::time::timeout(LONG, waiting).await {
        Ok(status) => status,
        Err(_) => panic!("never came true: {:?}", client.status()),
    }
}

/// Waits until the client named exactly these servers as those that it is reached through.
pub(crate) async fn wait_until_delegated(client: &MessagingClient, servers: &[&Server]) {
    let mut keys: Vec<_> = servers.iter().map(|server| server.at.key).collect();
    keys.sort();
    wait_until(client, |status| status.delegated == keys).await;
}

/// Accepts streams for ever and sends each back, turned around at its end: the hash and length of all of it.
pub(crate) fn spawn_hasher(mut incoming: PeerConnections) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(accepted) = incoming.recv().await {
            tokio::spawn(async move {
                while let Ok((mut send, mut receive)) = accepted.connection.accept_bi().await {
                    tokio::spawn(async move {
                        let mut hash = Sha256::new();
                        while let Ok(Some(chunk)) = receive.read_chunk(usize::MAX, true).await {
                            hash.update(&chunk.bytes);
                        }
                        let _ = send.write_all(&hash.finalize()).await;
                        let _ = send.finish();
                        let _ = send.stopped().await;
                    });
                }
            });
        }
    })
}

/// Bytes that repeat only after a long time.
pub(crate) fn pattern(offset: u64, length: usize) -> Vec<u8> {
    let words = (offset / 8..).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
    words.flatten().take(length).collect()
}

pub(crate) const PIECE: usize = 1024 * 1024;

/// Sends `mebibytes` to a hasher on a new stream, calling `between` after each of them, and compares the hash.
pub(crate) async fn transfer(
    connection: &quinn::Connection,
    mebibytes: u64,
    mut between: impl AsyncFnMut(u64),
) {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let mut hash = Sha256::new();
    for n in 0..mebibytes {
        let piece = pattern(n * PIECE as u64, PIECE);
        hash.update(&piece);
        send.write_all(&piece).await.unwrap();
        between(n).await;
    }
    send.finish().unwrap();
    assert_eq!(receive.read_to_end(64).await.unwrap(), hash.finalize().to_vec());
}
