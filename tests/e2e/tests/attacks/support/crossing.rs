//! A node by hand between two real ones: it agrees to transports, obeys any setup node, and does with the packets of the
//! routes over it what the test says.

use std::sync::{Arc, Mutex};

use byway_api::transport_discovery::{
    Heartbeat, HeartbeatRequest, Metrics, PutTransport, TransportPath, TransportReport,
};
use byway_base::{RoutingId, SecretKey, limits::SETUP_MESSAGE_MAX};
use byway_messaging_client::{ALPN_SETUP, Accepted, PeerConnections};
use byway_node::Node;
use byway_wire::{
    Kind, Packet,
    setup::{NodeMessage, Reply, Role, decode_message, encode_message},
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    HandLink, Plane,
    hand::{listed, messaging_client},
};

/// A hand-made node with a transport to either side.
pub(crate) struct HandNode {
    /// To the node nearer to the source.
    pub(crate) previous: HandLink,
    /// To the node nearer to the destination.
    pub(crate) next: HandLink,
    installed: mpsc::UnboundedReceiver<Crossing>,
    _stop: DropGuard,
}

/// The labels of a route over a hand-made node: under which packets come here, and under which they go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crossing {
    /// Towards the destination.
    pub(crate) forward: (RoutingId, RoutingId),
    /// Towards the source.
    pub(crate) backward: (RoutingId, RoutingId),
}

impl HandNode {
    /// Joins the network between two nodes; transport discovery knows of it.
    pub(crate) async fn between(plane: &Plane, secret: &SecretKey, previous: &Node, next: &Node) -> Self {
        let stop = CancellationToken::new();
        let client = messaging_client(secret, plane, &stop);
        let (sender, installed) = mpsc::unbounded_channel();
        tokio::spawn(obey(client.accept(ALPN_SETUP).unwrap(), sender));
        listed(&client).await;
        let (previous, next) = (HandLink::open(secret, previous).await, HandLink::open(secret, next).await);
        register(plane, secret, [&previous, &next]).await;
        Self { previous, next, installed, _stop: stop.drop_guard() }
    }

    /// The next route that is installed over this node.
    pub(crate) async fn crossing(&mut self) -> Crossing {
        self.installed.recv().await.unwrap()
    }

    /// Carries the packets of the next route on, as an honest node does, but each data packet through `alter`, which
    /// must keep its length. Keeps every payload that it saw.
    pub(crate) fn carry(
        mut self,
        mut alter: impl FnMut(&mut Vec<u8>) + Send + 'static,
    ) -> Arc<Mutex<Vec<u8>>> {
        let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let keep = seen.clone();
        tokio::spawn(async move {
            let Crossing { forward, backward } = self.crossing().await;
            let (to_previous, to_next) = (self.previous.sender(), self.next.sender());
            loop {
                let (packet, onward, with, against) = tokio::select! {
                    Some(packet) = self.previous.receive() => (packet, &to_next, forward, backward),
                    Some(packet) = self.next.receive() => (packet, &to_previous, backward, forward),
                    else => return,
                };
                let mut payload = packet.payload.to_vec();
                let label = match packet.kind {
                    // Answers to a flow travel against it, under the label of its sender's neighbour.
                    Kind::Credit | Kind::Fault => against.0,
                    _ => with.1,
                };
                if packet.kind == Kind::Data {
                    keep.lock().unwrap().extend_from_slice(&payload);
                    alter(&mut payload);
                }
                onward.send(&Packet { routing_id: label, payload: payload.into(), ..packet });
            }
        });
        seen
    }
}

async fn register(plane: &Plane, secret: &SecretKey, links: [&HandLink; 2]) {
    let client = plane.transport_discovery.client(secret);
    for link in links {
        let path = TransportPath { id: link.transport() };
        client.call::<PutTransport>(path, (), link.entry.clone()).await.unwrap();
    }
    let metrics = Metrics { rtt_us: 100, ..Metrics::default() };
    let report = |link: &HandLink| TransportReport { id: link.transport(), up: true, metrics };
    let transports = links.map(report).to_vec().try_into().unwrap();
    client.call::<Heartbeat>((), (), HeartbeatRequest { transit: true, transports }).await.unwrap();
}

/// Agrees to everything.
async fn obey(mut connections: PeerConnections, installed: mpsc::UnboundedSender<Crossing>) {
    while let Some(Accepted { connection, .. }) = connections.recv().await {
        while let Ok((mut send, mut receive)) = connection.accept_bi().await {
            let bytes = receive.read_to_end(SETUP_MESSAGE_MAX).await.unwrap();
            let message: NodeMessage = decode_message(&bytes).unwrap();
            if let NodeMessage::Install { previous, role: Role::Intermediate { next }, .. } = message {
                let forward = (previous.label_in, next.label_out);
                let backward = (next.label_in, previous.label_out);
                // The test may be over.
                let _ = installed.send(Crossing { forward, backward });
            }
            send.write_all(&encode_message(&Reply::Done {})).await.unwrap();
            send.finish().unwrap();
        }
    }
}
