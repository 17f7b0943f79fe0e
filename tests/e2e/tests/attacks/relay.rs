//! Row 16: a messaging server that does not do what it should with what it carries.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::BytesMut;
use byway_base::PublicKey;
use byway_messaging_client::{ALPN_SERVER, ALPN_TRANSPORT, Config, MessagingClient, ServerAddress};
use byway_net::{
    Identity,
    tcp::{TlsConnection, TlsListener},
};
use byway_wire::messaging::Frame;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, key, pattern, secret};

/// Bytes sent each way.
const BYTES: usize = 4 * 1024 * 1024;

/// The server, and how often it did what it should not.
#[derive(Default)]
struct Hostile {
    clients: Mutex<BTreeMap<PublicKey, mpsc::UnboundedSender<Frame>>>,
    carried: AtomicU64,
    /// The packet that goes after its successor.
    held: Mutex<Option<(PublicKey, Frame)>>,
    misdeeds: [AtomicU64; 4],
}

impl Hostile {
    async fn start() -> (Arc<Self>, ServerAddress) {
        let identity = Identity::new(secret(230));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listener = TlsListener::bind(any, identity.server_config(&[ALPN_SERVER])).await.unwrap();
        let at = ServerAddress { key: identity.public(), address: listener.local_address() };
        let server = Arc::new(Self::default());
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Some(connection) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(connection));
            }
        });
        (server, at)
    }

    async fn serve(self: Arc<Self>, connection: TlsConnection) {
        let (mut read, mut write) = split(connection.stream);
        let (sender, mut frames) = mpsc::unbounded_channel::<Frame>();
        self.clients.lock().unwrap().insert(connection.peer, sender.clone());
        tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                let mut bytes = Vec::new();
                frame.write(&mut bytes);
                if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
                    return;
                }
            }
        });
        let mut buffer = BytesMut::new();
        while read.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
            while let Some(frame) = Frame::take(&mut buffer).unwrap() {
                match frame {
                    Frame::Send { destination, payload } => {
                        self.carry(destination, Frame::Receive { source: connection.peer, payload });
                    }
                    Frame::Ping(token) => self.give(connection.peer, Frame::Pong(token)),
                    _ => {}
                }
            }
        }
    }

    fn give(&self, to: PublicKey, frame: Frame) {
        if let Some(client) = self.clients.lock().unwrap().get(&to) {
            // It may have left.
            let _ = client.send(frame);
        }
    }

    /// Drops, repeats, alters and delays some packets, each kind in its own rhythm.
    fn carry(&self, to: PublicKey, frame: Frame) {
        let number = self.carried.fetch_add(1, Ordering::SeqCst) + 1;
        let misdeed = [41, 37, 31, 29].iter().position(|every| number.is_multiple_of(*every));
        misdeed.inspect(|which| {
            self.misdeeds[*which].fetch_add(1, Ordering::SeqCst);
        });
        match misdeed {
            Some(0) => {}
            Some(1) => (0..3).for_each(|_| self.give(to, frame.clone())),
            Some(2) => self.give(to, altered(frame, number)),
            Some(_) => *self.held.lock().unwrap() = Some((to, frame)),
            None => {
                self.give(to, frame);
                if let Some((to, frame)) = self.held.lock().unwrap().take() {
                    self.give(to, frame);
                }
            }
        }
    }
}

fn altered(frame: Frame, number: u64) -> Frame {
    let Frame::Receive { source, payload } = frame else { return frame };
    let mut payload = payload.to_vec();
    let place = number as usize % payload.len();
    payload[place] ^= 1 << (number % 8);
    Frame::Receive { source, payload: payload.into() }
}

fn client(seed: u8, server: ServerAddress, stop: &CancellationToken) -> MessagingClient {
    let mut config = Config::new(secret(seed));
    config.servers = vec![server];
    config.alpns = vec![ALPN_TRANSPORT];
    MessagingClient::start(config, stop.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_drops_repeats_alters_and_reorders_never_causes_a_wrong_byte() {
    let (server, at) = Hostile::start().await;
    let stop = CancellationToken::new();
    let (near, far) = (client(1, at, &stop), client(2, at, &stop));
    let mut incoming = far.accept(ALPN_TRANSPORT).unwrap();
    let echoing = tokio::spawn(async move {
        let connection = incoming.recv().await.unwrap().connection;
        let (mut send, mut receive) = connection.accept_bi().await.unwrap();
        tokio::io::copy(&mut receive, &mut send).await.unwrap();
        send.finish().unwrap();
        connection.closed().await;
    });
    far.ready().await;
    near.ready().await;
    let connection = near.connect(key(2), ALPN_TRANSPORT).await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let sent = pattern(BYTES);
    let sending = async {
        send.write_all(&sent).await.unwrap();
        send.finish().unwrap();
    };
    let both = async { tokio::join!(sending, receive.read_to_end(BYTES + 1)) };
    let ((), came) = timeout(PATIENCE, both).await.expect("the transfer goes on");
    assert!(came.unwrap() == sent, "what came is what was sent");
    assert!(server.misdeeds.iter().all(|count| count.load(Ordering::SeqCst) > 3), "it was hostile");
    stop.cancel();
    echoing.await.unwrap();
}
