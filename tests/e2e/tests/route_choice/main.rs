//! Which way traffic takes when one of two equally long ones is bad: real nodes, whose transports cross lines that lose
//! and delay.
//!
//! ```text
//! source ──line── first  ──── destination
//!    └────line── second ──────────┘
//! ```

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

mod line;

use std::{net::SocketAddr, time::Duration};

use byway_api::route_finder::PathView;
use byway_base::{OverlayAddress, Policy, Port, PublicKey, SecretKey, TransportId, TransportType};
use byway_cli::demo::services::Services;
use byway_node::{Config, Node, OverlayStream, PathChoice, ServiceAddress, Wanted};
use byway_testkit::wait::until;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    time::timeout,
};

use line::{Line, Shape};

/// Measurements come every five seconds, reports every ten, and both are smoothed; only a hang takes as long as this.
const PATIENCE: Duration = Duration::from_secs(180);
const PORT: Port = Port(80);
const BLOCK: usize = 4_096;

fn quic() -> TransportType {
    TransportType::new("quic").unwrap()
}

/// Two ways of two hops, whose first hops are lines.
struct Fork {
    source: Node,
    /// The nodes between, in the order of their lines.
    between: [Node; 2],
    destination: Node,
    lines: [Line; 2],
    services: Services,
    _directory: TempDir,
}

impl Fork {
    async fn start(shapes: [Shape; 2]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let services = Services::start(directory.path()).await.unwrap();
        for service in services.all() {
            service.ready(PATIENCE).await.unwrap();
        }
        let destination = node(&services, 1, &[]).await;
        let end = (destination.key(), destination.quic_listen_address().unwrap());
        let between = [node(&services, 2, &[end]).await, node(&services, 3, &[end]).await];
        let address = |number: usize| between[number].quic_listen_address().unwrap();
        let lines = [Line::to(address(0), shapes[0]).await, Line::to(address(1), shapes[1]).await];
        let peers = [(between[0].key(), lines[0].address), (between[1].key(), lines[1].address)];
        let source = node(&services, 4, &peers).await;
        let mut listener = destination.listen(PORT).unwrap();
        tokio::spawn(async move {
            while let Some(incoming) = listener.accept().await {
                let (mut receive, mut send) = split(incoming.stream);
                // Whoever breaks the stream knows it.
                tokio::spawn(async move { tokio::io::copy(&mut receive, &mut send).await.map(drop) });
            }
        });
        let fork = Self { source, between, destination, lines, services, _directory: directory };
        until("both paths", PATIENCE, async || match fork.paths().await {
            paths if paths.len() == 2 => Ok(()),
            paths => Err(format!("{paths:?}")),
        })
        .await;
        fork
    }

    /// What the default policy answers, best first.
    async fn paths(&self) -> Vec<PathView> {
        let found = self.source.find_paths(self.destination.key(), &Policy::default(), 2, false).await;
        found.map(|reply| reply.paths).unwrap_or_default()
    }

    /// Over which of the nodes between the best path leads.
    async fn best(&self) -> Option<usize> {
        let paths = self.paths().await;
        self.number(&paths.first()?.hops.first()?.to)
    }

    fn number(&self, key: &PublicKey) -> Option<usize> {
        self.between.iter().position(|node| node.key() == *key)
    }

    /// Over which of them the only session with a stream goes at present.
    fn active(&self) -> Option<usize> {
        let sessions = self.source.sessions();
        let used = sessions.iter().find(|session| session.streams > 0)?;
        let route = used.routes.first().filter(|route| route.active)?;
        self.number(&route.hops.first()?.to)
    }

    async fn dial(&self, choice: PathChoice) -> OverlayStream {
        let to = OverlayAddress { key: self.destination.key(), port: PORT };
        self.source.dial(to, choice).await.unwrap().0
    }

    /// Sends data over exactly one of the ways, so that its losses show.
    async fn use_way(&self, number: usize) {
        let node = self.between[number].key();
        let hop = |a: PublicKey, b: PublicKey| TransportId::derive(&a, &b, &quic());
        let hops = vec![hop(self.source.key(), node), hop(node, self.destination.key())];
        let mut stream = self.dial(PathChoice::exactly(hops)).await;
        for _ in 0..300 {
            exchange(&mut stream).await;
        }
    }

    async fn stop(self) {
        self.source.stop().await;
        for node in self.between {
            node.stop().await;
        }
        self.destination.stop().await;
        self.services.stop().await;
    }
}

async fn node(services: &Services, seed: u8, peers: &[(PublicKey, SocketAddr)]) -> Node {
    let mut config = Config::new(SecretKey::from_seed([seed; 32]));
    let service = |url: String, key| Some(ServiceAddress { url, key });
    config.quic_listen = Some("127.0.0.1:0".parse().unwrap());
    config.transport_discovery = service(services.transport_discovery.url(), None);
    config.route_finder = service(services.route_finder.url(), services.route_finder.key);
    config.messaging_discovery = vec![services.messaging_discovery.url()];
    config.trusted_setup_nodes = services.setup_node.key.into_iter().collect();
    let wanted = |(peer, address): &(PublicKey, SocketAddr)| Wanted {
        kind: quic(),
        peer: *peer,
        address: Some((*address).into()),
    };
    config.transports = peers.iter().map(wanted).collect();
    Node::start(config).await.unwrap()
}

async fn exchange(stream: &mut OverlayStream) {
    let (sent, mut back) = ([7; BLOCK], [0; BLOCK]);
    stream.write_all(&sent).await.unwrap();
    timeout(PATIENCE, stream.read_exact(&mut back)).await.expect("the echo answers").unwrap();
    assert!(back == sent, "what comes back is what was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_ways_of_as_many_hops_the_default_policy_takes_the_one_that_loses_nothing() {
    let lossy = Shape { lose_each: Some(10), ..Shape::default() };
    let fork = Fork::start([lossy, Shape::default()]).await;
    fork.use_way(0).await;
    fork.use_way(1).await;
    until("the loss to be known and avoided", PATIENCE, async || {
        let paths = fork.paths().await;
        let loss = |number: usize| {
            let over =
                |path: &&PathView| path.hops.first().and_then(|hop| fork.number(&hop.to)) == Some(number);
            paths.iter().find(over).map(|path| path.hops[0].metrics.loss_ppm)
        };
        let avoided = fork.best().await == Some(1);
        match (loss(0), loss(1)) {
            (Some(bad), Some(good)) if avoided && bad > 20_000 && good < bad / 4 => Ok(()),
            losses => Err(format!("losses {losses:?}, {paths:?}")),
        }
    })
    .await;
    let _stream = fork.dial(PathChoice::default()).await;
    assert_eq!(fork.best().await, Some(1));
    until("a session over the way that loses nothing", PATIENCE, async || {
        let over = fork.active();
        (over == Some(1)).then_some(()).ok_or_else(|| format!("{over:?}"))
    })
    .await;
    fork.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_way_is_avoided_and_when_the_other_becomes_slower_paths_and_sessions_move() {
    let slow = |ms| Shape { delay: Duration::from_millis(ms), ..Shape::default() };
    let fork = Fork::start([slow(20), slow(1)]).await;
    until("the faster way", PATIENCE, async || {
        let (best, paths) = (fork.best().await, fork.paths().await);
        let measured = paths.len() == 2 && paths.iter().all(|path| path.rtt_us > 0);
        (best == Some(1) && measured).then_some(()).ok_or_else(|| format!("{best:?} of {paths:?}"))
    })
    .await;
    let mut stream = fork.dial(PathChoice::default()).await;
    exchange(&mut stream).await;
    assert_eq!(fork.active(), Some(1));

    fork.lines[1].reshape(slow(250));
    until("the session to move", PATIENCE, async || {
        exchange(&mut stream).await;
        let over = fork.active();
        (over == Some(0)).then_some(()).ok_or_else(|| format!("{:?}", fork.source.sessions()))
    })
    .await;
    until("the paths to move", PATIENCE, async || {
        let best = fork.best().await;
        (best == Some(0)).then_some(()).ok_or(format!("{best:?} of {:?}", fork.paths().await))
    })
    .await;
    fork.stop().await;
}
