//! For tests: nodes with rule books in memory, reached without a network.

use std::{
    collections::BTreeMap,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use byway_base::{
    OverlayAddress, Port, PublicKey, RouteId, SecretKey, TransportId, TransportType,
    limits::ROUTE_REQUEST_TTL,
};
use byway_clock::unix_now;
use byway_messaging_client::ALPN_SETUP;
use byway_net::{Expect, Identity, quic::QuicProfile};
use byway_setup::{Asked, CallFailure, Effect, Quotas, RuleBook, Surroundings};
use byway_wire::{
    Hop, RouteRequest,
    route_request::path_digest,
    setup::{NodeMessage, Reply},
};
use parking_lot::Mutex;
use quinn::{Connection, Endpoint};
use tokio::sync::watch;

use crate::{NodeCaller, clock::Clock};

pub(crate) const PORT: Port = Port(80);

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// A row of nodes that trust the key of `secret(200)`.
#[derive(Clone)]
pub(crate) struct Network(Arc<Row>);

struct Row {
    clock: Clock,
    secrets: Vec<SecretKey>,
    hops: Vec<Hop>,
    nodes: Mutex<BTreeMap<PublicKey, (RuleBook, usize)>>,
    mood: watch::Sender<Mood>,
    labels: AtomicU32,
}

/// What becomes of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// They are answered.
    Answering,
    /// They wait for a better mood.
    Waiting,
    /// One node never answers.
    Deaf(PublicKey),
    /// Nobody answers.
    AllDeaf,
}

/// Everything is up, every port is listened on, labels count up.
struct Anything<'a>(&'a AtomicU32);

impl Surroundings for Anything<'_> {
    fn peer(&self, _: TransportId) -> Option<PublicKey> {
        Some(secret(0).public())
    }

    fn has_listener(&self, _: Port) -> bool {
        true
    }

    fn was_used(&self, _: RouteId) -> bool {
        true
    }

    fn draw(&mut self) -> u32 {
        self.0.fetch_add(1, Relaxed)
    }
}

impl Network {
    pub(crate) fn row(hops: u8) -> Self {
        let secrets: Vec<_> = (1..=hops + 1).map(secret).collect();
        let tcp = TransportType::new("tcp").expect("a valid name");
        let hops = secrets.windows(2).map(|pair| {
            let (from, to) = (pair[0].public(), pair[1].public());
            Hop { transport: TransportId::derive(&from, &to, &tcp), from, to }
        });
        let hops = hops.collect();
        let nodes = secrets.iter().map(SecretKey::public);
        let book = |key| (key, (RuleBook::new(key, [secret(200).public()], Quotas::default()), 0));
        let nodes = Mutex::new(nodes.map(book).collect());
        let mood = watch::Sender::new(Mood::Answering);
        Self(Arc::new(Row { clock: Clock::start(), secrets, hops, nodes, mood, labels: AtomicU32::new(1) }))
    }

    pub(crate) fn source(&self) -> PublicKey {
        self.0.secrets[0].public()
    }

    pub(crate) fn destination(&self) -> PublicKey {
        self.0.secrets[self.0.secrets.len() - 1].public()
    }

    pub(crate) fn hops(&self) -> Vec<Hop> {
        self.0.hops.clone()
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.0.mood.send_replace(mood);
    }

    /// Rules in all forwarders.
    pub(crate) fn rules(&self) -> usize {
        self.0.nodes.lock().values().map(|(_, rules)| rules).sum()
    }

    /// A request that the source awaits, as it asks for it.
    pub(crate) fn asked(&self, route: u8) -> Asked {
        let request = RouteRequest {
            route: RouteId::from_bytes([route; 16]),
            source: OverlayAddress { key: self.source(), port: Port(40_000) },
            destination: OverlayAddress { key: self.destination(), port: PORT },
            path: path_digest(&self.0.hops),
            expires: unix_now().plus(ROUTE_REQUEST_TTL),
        };
        let (now, first) = (self.0.clock.now(), self.0.hops[0].transport);
        let mut nodes = self.0.nodes.lock();
        let (book, _) = nodes.get_mut(&self.source()).expect("a node of the row");
        let label_in =
            book.ask(now, secret(200).public(), request.route, first, &mut Anything(&self.0.labels));
        Asked {
            caller: self.source(),
            request: request.sign(&self.0.secrets[0]),
            hops: self.hops(),
            label_in: label_in.expect("a source can have a route of its own"),
        }
    }

    /// The source installs its own rule, as the setup node's reply says.
    pub(crate) fn tell(&self, route: u8, reply: &Reply) {
        let Reply::Established { label_out } = *reply else { panic!("{reply:?}") };
        let mut nodes = self.0.nodes.lock();
        let (book, rules) = nodes.get_mut(&self.source()).expect("a node of the row");
        let (now, id) = (self.0.clock.now(), RouteId::from_bytes([route; 16]));
        let view = Anything(&self.0.labels);
        let own = book.established(now, secret(200).public(), id, label_out, &view);
        assert!(own.is_ok(), "{own:?}");
        *rules += 1;
    }

    /// The forwarder of a node ends a route by itself.
    pub(crate) fn end(&self, node: PublicKey, route: u8) {
        let mut nodes = self.0.nodes.lock();
        let (book, rules) = nodes.get_mut(&node).expect("a node of the row");
        book.removed(self.0.clock.now(), RouteId::from_bytes([route; 16]));
        *rules -= 1;
    }

    fn deliver(&self, node: PublicKey, message: NodeMessage) -> Reply {
        let mut nodes = self.0.nodes.lock();
        let (book, rules) = nodes.get_mut(&node).expect("a node of the row");
        let labels = &mut Anything(&self.0.labels);
        let (reply, effects) =
            book.handle(self.0.clock.now(), unix_now(), secret(200).public(), message, labels);
        for effect in effects {
            match effect {
                Effect::Install(_) => *rules += 1,
                Effect::Remove { .. } => *rules -= 1,
            }
        }
        reply
    }
}

impl NodeCaller for Network {
    async fn call(&self, node: PublicKey, message: NodeMessage) -> Result<Reply, CallFailure> {
        let mut mood = self.0.mood.subscribe();
        let mood = *mood.wait_for(|mood| *mood != Mood::Waiting).await.expect("the row outlives its calls");
        if mood == Mood::AllDeaf || mood == Mood::Deaf(node) {
            return pending().await;
        }
        Ok(self.deliver(node, message))
    }
}

/// A connection from the key `secret(client)` to `secret(200)`, and the other end of it.
pub(crate) async fn connected(client: u8) -> (Endpoints, Connection, Connection) {
    let (server, client) = (Identity::new(secret(200)), Identity::new(secret(client)));
    let profile = QuicProfile::messaging();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listening = Endpoint::server(profile.server_config(&server, &[ALPN_SETUP]), any).unwrap();
    let dialling = Endpoint::client(any).unwrap();
    let config = profile.client_config(&client, Expect::Exactly(server.public()), ALPN_SETUP);
    let there = listening.local_addr().unwrap();
    let dial = dialling.connect_with(config, there, "byway").unwrap();
    let accept = async { listening.accept().await.unwrap().await };
    let (near, far) = tokio::try_join!(dial, accept).unwrap();
    (Endpoints { _listening: listening, _dialling: dialling }, near, far)
}

/// Keeps both ends of a connection alive.
pub(crate) struct Endpoints {
    _listening: Endpoint,
    _dialling: Endpoint,
}
