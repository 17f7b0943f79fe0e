//! Nodes with `quic` transports between them, and what such nodes send.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    net::SocketAddr,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use byway_base::{Moment, PublicKey, RouteId, RoutingId, SecretKey, TransportType};
use byway_net::Identity;
use byway_routing::{Forwarder, Outgoing, RouteKey, RouteSide, RouteSpec, TransportSlot};
use byway_transports::{Context, OpenError, Opened, PacketLink, Registry};
use byway_wire::{Candidate, Packet};
use tokio::{sync::mpsc, time::timeout};

/// Long enough for the slowest machine; only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Link = Box<dyn PacketLink>;

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub(crate) fn key(seed: u8) -> PublicKey {
    secret(seed).public()
}

pub(crate) fn kind() -> TransportType {
    TransportType::new("quic").unwrap()
}

/// A node's transports.
pub(crate) struct Node {
    pub(crate) registry: Registry,
    pub(crate) accepted: mpsc::Receiver<Opened>,
}

impl Node {
    pub(crate) async fn start(seed: u8) -> Self {
        let context = Context {
            identity: Identity::new(secret(seed)),
            tcp_listen: None,
            quic_listen: Some(([127, 0, 0, 1], 0).into()),
            messaging: None,
        };
        let (registry, accepted) = Registry::start(secret(seed), &context).await.unwrap();
        Self { registry, accepted }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.registry.candidates().iter().find(|candidate| candidate.kind == kind()).unwrap().address
    }

    pub(crate) async fn open(&self, peer: PublicKey, address: SocketAddr) -> Result<Opened, OpenError> {
        self.registry.open(&kind(), peer, &[Candidate { kind: kind(), address }]).await
    }

    pub(crate) async fn accept(&mut self) -> Opened {
        within(self.accepted.recv()).await.unwrap()
    }
}

/// A transport between node 1, that dials `address`, and node 2, that accepts.
pub(crate) async fn connected(one: &Node, two: &mut Node, address: SocketAddr) -> (Opened, Opened) {
    let (dialled, accepted) = tokio::join!(one.open(key(2), address), two.accept());
    (dialled.unwrap(), accepted)
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("the test hangs")
}

/// The data half of a node at which routes begin: packets as a link gets them.
pub(crate) struct Source {
    forwarder: Forwarder,
    slot: TransportSlot,
    routes: BTreeMap<u32, RouteKey>,
}

impl Source {
    pub(crate) fn new() -> Self {
        let mut forwarder = Forwarder::default();
        let slot = forwarder.add_transport(Moment::ZERO);
        Self { forwarder, slot, routes: BTreeMap::new() }
    }

    fn route(&mut self, label: u32) -> RouteKey {
        let Self { forwarder, slot, routes } = self;
        *routes.entry(label).or_insert_with(|| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&label.to_be_bytes());
            let next =
                RouteSide { transport: *slot, label_in: RoutingId(label), label_out: RoutingId(label) };
            let spec = RouteSpec { route: RouteId::from_bytes(id), previous: None, next: Some(next) };
            forwarder.install(Moment::ZERO, spec).unwrap()
        })
    }

    /// What is to be sent now; credit for as much comes back at once.
    fn drain(&mut self, label: u32) -> Vec<Outgoing> {
        let mut out = Vec::new();
        self.forwarder.poll_transmit(Moment::ZERO, self.slot, usize::MAX, &mut out);
        let cost = out.iter().map(|packet| packet.len() as u32 + 64).sum();
        let mut credit = vec![Packet::credit(RoutingId(label), cost)];
        self.forwarder.handle_packets(Moment::ZERO, self.slot, &mut credit);
        out
    }

    pub(crate) fn data(&mut self, label: u32, payload: Bytes) -> Vec<Outgoing> {
        let key = self.route(label);
        self.forwarder.send(Moment::ZERO, key, payload).unwrap();
        self.drain(label)
    }

    pub(crate) fn datagram(&mut self, label: u32, payload: Bytes) -> Vec<Outgoing> {
        let key = self.route(label);
        self.forwarder.send_datagram(Moment::ZERO, key, payload).unwrap();
        self.drain(label)
    }

    pub(crate) fn close(&mut self, label: u32) -> Vec<Outgoing> {
        let key = self.route(label);
        self.forwarder.close(key);
        self.routes.remove(&label);
        self.drain(label)
    }
}

/// A payload that says which one of its flow it is.
pub(crate) fn numbered(number: u32, size: usize) -> Bytes {
    let mut payload = vec![number as u8; size.max(4)];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    payload.into()
}

pub(crate) fn number(packet: &Packet) -> u32 {
    u32::from_be_bytes(*packet.payload.first_chunk().unwrap())
}

/// Sends from one end while the other receives, until `enough` has arrived.
pub(crate) async fn cross(
    from: &mut Link,
    to: &mut Link,
    mut queue: VecDeque<Outgoing>,
    mut enough: impl FnMut(&[Packet]) -> bool,
) -> Vec<Packet> {
    let (mut arrived, mut answers) = (Vec::new(), Vec::new());
    within(poll_fn(|cx| {
        loop {
            // Ready or not, the link goes on with what it took.
            if let Poll::Ready(result) = from.poll_send(cx, &mut queue) {
                result.unwrap();
            }
            if enough(&arrived) {
                return Poll::Ready(());
            }
            let polls = [from.poll_receive(cx, &mut answers), to.poll_receive(cx, &mut arrived)];
            if polls.iter().all(Poll::is_pending) {
                return Poll::Pending;
            }
            for result in polls {
                assert!(!matches!(result, Poll::Ready(Err(_))), "{result:?}");
            }
        }
    }))
    .await;
    arrived
}

/// Waits until the link ends, and says how.
pub(crate) async fn ended(link: &mut Link) -> std::io::Error {
    let mut packets = Vec::new();
    within(poll_fn(|cx| {
        loop {
            match link.poll_receive(cx, &mut packets) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => return Poll::Pending,
            }
        }
    }))
    .await
}
