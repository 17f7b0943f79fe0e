//! A `tcp` transport whose other edge is the test: authenticated and agreed like any other, then whatever the test sends.

use std::net::SocketAddr;

use bytes::BytesMut;
use byway_base::{PublicKey, SecretKey, TransportId};
use byway_clock::unix_now;
use byway_net::{
    Expect, Identity,
    tcp::{TlsConnection, connect},
};
use byway_node::Node;
use byway_wire::{
    Kind, Packet, SignedTransportEntry, TransportEntry, decode_whole, encode,
    link::{AGREE_BYTES, Agree, Offer, VERSION},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, split},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::TlsStream;

use super::{PATIENCE, services::tcp};

/// The protocol's name in the handshake.
pub(crate) const ALPN: &[u8] = b"byway-transport/1";

/// One end of a transport. Pings are answered; all else is the test's.
pub(crate) struct HandLink {
    pub(crate) entry: SignedTransportEntry,
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    incoming: mpsc::UnboundedReceiver<Packet>,
}

/// Sends on a link.
#[derive(Debug, Clone)]
pub(crate) struct LinkSender(mpsc::UnboundedSender<Vec<u8>>);

impl LinkSender {
    pub(crate) fn send(&self, packet: &Packet) {
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        self.send_bytes(bytes);
    }

    pub(crate) fn send_bytes(&self, bytes: Vec<u8>) {
        // The node may have closed the link already; tests look at what it did, not at this.
        let _ = self.0.send(bytes);
    }
}

/// Proves `secret` at the port where a node accepts transports, and says nothing more.
pub(crate) async fn authenticate(secret: &SecretKey, to: PublicKey, address: SocketAddr) -> TlsConnection {
    connect(address, &Identity::new(secret.clone()), Expect::Exactly(to), ALPN, PATIENCE).await.unwrap()
}

impl HandLink {
    /// Opens a transport from `secret` to a node.
    pub(crate) async fn open(secret: &SecretKey, node: &Node) -> Self {
        let mut stream = authenticate(secret, node.key(), node.listen_address().unwrap()).await.stream;
        let entry = TransportEntry::new(secret.public(), node.key(), tcp(), unix_now());
        let signature = entry.sign(secret);
        let offer = Offer { version: VERSION, issued: entry.issued, signature };
        stream.write_all(&encode(&offer)).await.unwrap();
        stream.flush().await.unwrap();
        let mut bytes = [0; AGREE_BYTES];
        timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
        let agree: Agree = decode_whole(&bytes).unwrap();
        let entry = entry.with_signatures(&secret.public(), signature, agree.signature);
        entry.verify().unwrap();
        Self::run(stream, entry)
    }

    fn run(stream: TlsStream<TcpStream>, entry: SignedTransportEntry) -> Self {
        let (read, mut write) = split(stream);
        let (outgoing, mut to_send) = mpsc::unbounded_channel::<Vec<u8>>();
        let (received, incoming) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(bytes) = to_send.recv().await {
                if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
                    break;
                }
            }
        });
        tokio::spawn(receive(read, received, LinkSender(outgoing.clone())));
        Self { entry, outgoing, incoming }
    }

    pub(crate) fn transport(&self) -> TransportId {
        self.entry.entry.id()
    }

    pub(crate) fn sender(&self) -> LinkSender {
        LinkSender(self.outgoing.clone())
    }

    /// The next packet that is no ping; none once the node closed the link.
    pub(crate) async fn receive(&mut self) -> Option<Packet> {
        timeout(PATIENCE, self.incoming.recv()).await.expect("a packet or the end of the link")
    }

    /// Waits until the node closes the link.
    pub(crate) async fn closed(mut self) {
        while self.receive().await.is_some() {}
    }
}

async fn receive(
    mut stream: ReadHalf<impl AsyncRead>,
    received: mpsc::UnboundedSender<Packet>,
    back: LinkSender,
) {
    let mut buffer = BytesMut::new();
    while stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
        while let Some(packet) = Packet::take(&mut buffer).unwrap() {
            match (packet.kind, packet.token()) {
                (Kind::Ping, Some(token)) => back.send(&Packet::liveness(Kind::Pong, token)),
                _ => {
                    // Nobody may be listening to what comes.
                    let _ = received.send(packet);
                }
            }
        }
    }
}
