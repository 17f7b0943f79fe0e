//! A messaging server that does to datagrams what it likes. Sessions through it recover or fail closed; no byte is wrong.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use byway_base::PublicKey;
use byway_messaging_client::{
    ALPN_SERVER, ALPN_TRANSPORT, Config, ConnectError, MessagingClient, ServerAddress,
};
use byway_net::{
    Identity,
    tcp::{TlsConnection, TlsListener},
};
use byway_wire::messaging::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::support::{key, secret, spawn_hasher, transfer};

/// What the server does to the datagrams of one client; it is told how many there were before.
type Misdeed = fn(&mut State, u64, Bytes) -> Vec<(Option<PublicKey>, Bytes)>;

/// What a server keeps of one client's datagrams, to do harm with it.
#[derive(Default)]
struct State {
    kept: VecDeque<Bytes>,
}

/// Delivered as it is.
fn honestly(payload: Bytes) -> (Option<PublicKey>, Bytes) {
    (None, payload)
}

fn drops(_: &mut State, n: u64, payload: Bytes) -> Vec<(Option<PublicKey>, Bytes)> {
    if n % 13 == 7 { Vec::new() } else { vec![honestly(payload)] }
}

fn drops_everything(_: &mut State, _: u64, _: Bytes) -> Vec<(Option<PublicKey>, Bytes)> {
    Vec::new()
}

fn reorders(state: &mut State, n: u64, payload: Bytes) -> Vec<(Option<PublicKey>, Bytes)> {
    match n % 7 {
        2 | 3 => {
            state.kept.push_front(payload);
            Vec::new()
        }
        6 => std::iter::once(payload).chain(state.kept.drain(..)).map(honestly).collect(),
        _ => vec![honestly(payload)],
    }
}

fn duplicates(_: &mut State, n: u64, payload: Bytes) -> Vec<(Option<PublicKey>, Bytes)> {
    let copies = usize::from(n.is_multiple_of(3)) + 1;
    vec![honestly(payload); copies]
}

fn corrupts(_: &mut State, n: u64, payload: Bytes) -> Vec<(Option<PublicKey>, Bytes)> {
    let mut bytes = payload.to_vec();
    if n % 11 == 5 && !bytes.is_empty() {
        let place = usize::try_from(n).unwrap() % bytes.len();
        bytes[place] ^= 0x55;
    }
    vec![honestly(bytes.into())]
}

fn replays(state: &mut State, n: u64, payload: Bytes) -> Vec<(Option<PublicKey>, Bytes)> {
    state.kept.push_back(payload.clone());
    let old = n.is_multiple_of(5).then(|| state.kept[usize::try_from(n).unwrap() % state.kept.len()].clone());
    if state.kept.len() > 200 {
        state.kept.pop_front();
    }
    old.into_iter().chain([payload]).map(honestly).collect()
}

/// Says of every ninth that it is somebody else's, who is as real.
fn misattributes(_: &mut State, n: u64, payload: Bytes) -> Vec<(Option<PublicKey>, Bytes)> {
    vec![((n % 9 == 4).then(|| key(12)), payload)]
}

type Clients = Arc<Mutex<BTreeMap<PublicKey, mpsc::Sender<Frame>>>>;

/// Starts a server with the key 1 that treats all datagrams so.
async fn start(misdeed: Misdeed) -> ServerAddress {
    let tls = Identity::new(secret(1)).server_config(&[ALPN_SERVER]);
    let mut listener = TlsListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), tls).await.unwrap();
    let address = listener.local_address();
    let clients = Clients::default();
    tokio::spawn(async move {
        while let Some(connection) = listener.accept().await {
            tokio::spawn(serve(connection, clients.clone(), misdeed));
        }
    });
    ServerAddress { key: key(1), address }
}

async fn serve(connection: TlsConnection, clients: Clients, misdeed: Misdeed) {
    let source = connection.peer;
    let (mut reader, mut writer) = tokio::io::split(connection.stream);
    let (sender, mut receiver) = mpsc::channel::<Frame>(4_096);
    clients.lock().unwrap().insert(source, sender.clone());
    tokio::spawn(async move {
        while let Some(frame) = receiver.recv().await {
            let mut bytes = Vec::new();
            frame.write(&mut bytes);
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
    });
    let (mut arrived, mut state, mut count) = (BytesMut::new(), State::default(), 0);
    while matches!(reader.read_buf(&mut arrived).await, Ok(read) if read > 0) {
        while let Some(frame) = Frame::take(&mut arrived).unwrap() {
            match frame {
                Frame::Ping(token) => drop(sender.try_send(Frame::Pong(token))),
                Frame::Send { destination, payload } => {
                    let Some(to) = clients.lock().unwrap().get(&destination).cloned() else { continue };
                    for (forged, payload) in misdeed(&mut state, count, payload) {
                        drop(to.try_send(Frame::Receive { source: forged.unwrap_or(source), payload }));
                    }
                    count += 1;
                }
                _ => {}
            }
        }
    }
}

fn client(n: u8, server: ServerAddress) -> MessagingClient {
    let mut config = Config::new(secret(n));
    config.servers = vec![server];
    config.alpns = vec![ALPN_TRANSPORT];
    MessagingClient::start(config, CancellationToken::new()).unwrap()
}

/// Two clients exchange mebibytes in both directions through such a server; the hashes are compared.
async fn exchange_through(misdeed: Misdeed) {
    let server = start(misdeed).await;
    let (a, b, bystander) = (client(10, server), client(11, server), client(12, server));
    spawn_hasher(a.accept(ALPN_TRANSPORT).unwrap());
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    for client in [&a, &b, &bystander] {
        client.ready().await;
    }
    let there = connect(&a, 11).await;
    let back = connect(&b, 10).await;
    tokio::join!(transfer(&there, 3, async |_| {}), transfer(&back, 3, async |_| {}));
}

async fn connect(client: &MessagingClient, to: u8) -> quinn::Connection {
    loop {
        match client.connect(key(to), ALPN_TRANSPORT).await {
            Ok(connection) => return connection,
            // A handshake may fail where packets are altered; it never succeeds wrongly.
            Err(ConnectError::Timeout(_) | ConnectError::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_drops_datagrams_slows_sessions_and_changes_no_byte() {
    exchange_through(drops).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_reorders_datagrams_changes_no_byte() {
    exchange_through(reorders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_duplicates_datagrams_delivers_nothing_twice() {
    exchange_through(duplicates).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_corrupts_is_never_delivered() {
    exchange_through(corrupts).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_replays_is_never_delivered_again() {
    exchange_through(replays).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_swaps_sources_mixes_no_sessions_up() {
    exchange_through(misattributes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_server_that_delivers_nothing_a_dial_fails_in_time() {
    let server = start(drops_everything).await;
    let (a, b) = (client(10, server), client(11, server));
    a.ready().await;
    b.ready().await;
    let error = a.connect(key(11), ALPN_TRANSPORT).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout(_)), "{error}");
}
