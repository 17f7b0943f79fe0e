//! QUIC through a messaging server by hand, frame by frame.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use byway_base::{PublicKey, SecretKey};
use byway_messaging_client::ALPN_SERVER;
use byway_net::{
    Expect, Identity,
    quic::{self, QuicProfile},
    tcp,
    virtual_path::synthetic_address,
};
use byway_wire::messaging::Frame;
use quinn::Endpoint;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    sync::mpsc,
};

use super::{PATIENCE, PacketPath, Plane};

/// An endpoint that reaches one node, and whose datagrams come from the key of `client`. It dials as whoever.
pub(crate) async fn endpoint_through(plane: &Plane, client: &SecretKey, node: PublicKey) -> Endpoint {
    let server = plane.server();
    let (own, expect) = (Identity::new(client.clone()), Expect::Exactly(server.key));
    let connection = tcp::connect(server.address, &own, expect, ALPN_SERVER, PATIENCE).await.unwrap();
    let (mut read, mut write) = split(connection.stream);
    let (frames, mut to_send) = mpsc::unbounded_channel();
    let path = PacketPath::new(synthetic_address(&node), move |packet| {
        // The test may be over.
        let _ = frames.send(Frame::Send { destination: node, payload: Bytes::copy_from_slice(packet) });
    });
    tokio::spawn(async move {
        while let Some(frame) = to_send.recv().await {
            let mut bytes = Vec::new();
            frame.write(&mut bytes);
            if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
                return;
            }
        }
    });
    let arriving = path.clone();
    tokio::spawn(async move {
        let mut buffer = BytesMut::new();
        while read.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
            while let Some(frame) = Frame::take(&mut buffer).unwrap() {
                if let Frame::Receive { payload, .. } = frame {
                    arriving.push(&payload);
                }
            }
        }
    });
    let local: SocketAddr = synthetic_address(&client.public());
    quic::endpoint(path, local, &own, &[], &QuicProfile::messaging()).unwrap()
}
