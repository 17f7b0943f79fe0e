//! Servers, clients and raw connections for the tests.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_messaging::SwitchLimits;
use byway_messaging_client::{
    ALPN_SERVER, ALPN_TRANSPORT, Config as ClientConfig, Directory, MessagingClient, PeerConnections,
    ServerAddress, Status,
};
use byway_messaging_server::{Config, MessagingServer};
use byway_net::{Expect, Identity, tcp};
use byway_service_kit::{Health, Service, Shutdown};
use byway_wire::{RecordBody, SignedRecord, messaging::Frame};
use futures_util::{FutureExt, future::BoxFuture};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

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
    pub(crate) shutdown: Shutdown,
    pub(crate) health: Health,
    pub(crate) task: JoinHandle<Result<(), Problem>>,
}

/// How to start a server.
pub(crate) struct Start {
    pub(crate) listen: SocketAddr,
    pub(crate) limits: SwitchLimits,
    pub(crate) directory: Option<Arc<dyn Directory>>,
}

impl Default for Start {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, limits: SwitchLimits::default(), directory: None }
    }
}

impl Server {
    pub(crate) async fn start(n: u8) -> Self {
        Self::start_with(n, Start::default()).await
    }

    pub(crate) async fn start_with(n: u8, start: Start) -> Self {
        let config = Config {
            listen: start.listen,
            public_address: None,
            messaging_discovery: Vec::new(),
            region: format!("region-{n}"),
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
        let address = server.addresses()[0].1.parse().unwrap();
        let (shutdown, health) = (Shutdown::new(LONG), server.health());
        let task = tokio::spawn(server.serve(shutdown.clone()));
        Self { at: ServerAddress { key: key(n), address }, shutdown, health, task }
    }

    /// Ends it as a crash would: all connections break at once.
    pub(crate) async fn kill(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        self.at.address
    }
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

/// A client that speaks frames by hand.
pub(crate) struct Raw {
    connection: tcp::TlsConnection,
    arrived: BytesMut,
}

impl Raw {
    /// Connects as the key `n`, and does nothing more.
    pub(crate) async fn dial(n: u8, server: &Server) -> Self {
        let identity = Identity::new(secret(n));
        let expect = Expect::Exactly(server.at.key);
        let connection = tcp::connect(server.at.address, &identity, expect, ALPN_SERVER, LONG).await.unwrap();
        Self { connection, arrived: BytesMut::new() }
    }

    /// Connects as the key `n`, and waits until the server answers.
    pub(crate) async fn connect(n: u8, server: &Server) -> Self {
        let mut raw = Self::dial(n, server).await;
        raw.send(&Frame::Ping(1)).await;
        assert_eq!(raw.receive().await, Some(Frame::Pong(1)));
        raw
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.connection.stream.write_all(bytes).await.unwrap();
        self.connection.stream.flush().await.unwrap();
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.arrived).unwrap() {
                return Some(frame);
            }
            let read =
                tokio::time::timeout(LONG, self.connection.stream.read_buf(&mut self.arrived)).await.unwrap();
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

/// A directory in memory, which can be out of order.
#[derive(Default)]
pub(crate) struct Records {
    records: Mutex<BTreeMap<PublicKey, SignedRecord>>,
    pub(crate) down: AtomicBool,
}

impl Records {
    pub(crate) fn body_of(&self, key: PublicKey) -> Option<RecordBody> {
        self.records.lock().unwrap().get(&key).map(|record| record.record.body.clone())
    }

    fn check(&self) -> Result<(), Problem> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(Problem::new(Code::ServiceUnreachable, "no directory", "it is down")),
            false => Ok(()),
        }
    }
}

impl Directory for Records {
    fn look_up(&self, keys: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move {
            self.check()?;
            let records = self.records.lock().unwrap();
            Ok(keys.iter().filter_map(|key| records.get(key)).cloned().collect())
        }
        .boxed()
    }

    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move {
            self.check()?;
            let records = self.records.lock().unwrap();
            let is_server = |record: &&SignedRecord| matches!(record.record.body, RecordBody::Server { .. });
            Ok(records.values().filter(is_server).cloned().collect())
        }
        .boxed()
    }

    fn publish(&self, record: SignedRecord) -> BoxFuture<'_, Result<(), Problem>> {
        async move {
            self.check()?;
            self.records.lock().unwrap().insert(record.record.subject, record);
            Ok(())
        }
        .boxed()
    }
}
