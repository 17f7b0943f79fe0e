//! A control plane in this process, nodes that only dial, and an echo.

use std::{sync::Arc, time::Duration};

use byway_base::{OverlayAddress, Policy, Port, SecretKey, TransportId, TransportType};
use byway_cli::demo::services::Services;
use byway_messaging_client::{Directory, HttpDirectory};
use byway_node::{Config, Node, OverlayStream, PathChoice, RouteInfo, ServiceAddress, Wanted};
use byway_testkit::wait::until;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

/// Long enough for the slowest machine, and for the wait before a session moves again; only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Where the echo listens.
const PORT: Port = Port(80);
/// Bytes of a block of the echo.
const BLOCK: usize = 4096;

pub(crate) fn kind(name: &str) -> TransportType {
    TransportType::new(name).unwrap()
}

/// The control plane.
pub(crate) struct Site {
    services: Services,
    _directory: TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let services = Services::start(directory.path()).await.unwrap();
        for service in services.all() {
            service.ready(PATIENCE).await.unwrap();
        }
        Self { services, _directory: directory }
    }

    /// Nodes in a row of `messaging` transports, each of which is dialled by the node before it. They listen nowhere.
    pub(crate) async fn row(&self, count: u8, mut configure: impl FnMut(&mut Config)) -> Vec<Node> {
        let services = &self.services;
        let mut nodes: Vec<Node> = Vec::new();
        for seed in (1..=count).rev() {
            let mut config = Config::new(SecretKey::from_seed([seed; 32]));
            let service = |url: String, key| Some(ServiceAddress { url, key });
            config.transport_discovery = service(services.transport_discovery.url(), None);
            config.route_finder = service(services.route_finder.url(), services.route_finder.key);
            config.messaging_discovery = vec![services.messaging_discovery.url()];
            config.trusted_setup_nodes = services.setup_node.key.into_iter().collect();
            let next =
                nodes.last().map(|next| Wanted { kind: kind("messaging"), peer: next.key(), address: None });
            config.transports = next.into_iter().collect();
            configure(&mut config);
            nodes.push(Node::start(config).await.unwrap());
        }
        nodes.reverse();
        for pair in nodes.windows(2) {
            until("messaging transport", PATIENCE, async || has(&pair[0], &pair[1], "messaging")).await;
        }
        nodes
    }

    /// Messaging discovery, for somebody of this key.
    pub(crate) fn directory(&self, secret: &SecretKey) -> Arc<dyn Directory> {
        Arc::new(HttpDirectory::new(&[self.services.messaging_discovery.url()], secret).unwrap())
    }

    /// Waits until the route finder answers with a path.
    pub(crate) async fn path_known(&self, from: &Node, to: &Node) {
        until("path", PATIENCE, async || from.find_paths(to.key(), &Policy::default(), 1, false).await).await;
    }

    /// The path over the `messaging` transports of a row, once the route finder knows it.
    pub(crate) async fn path_over(&self, row: &[Node]) -> PathChoice {
        self.path_known(&row[0], &row[row.len() - 1]).await;
        let hop = |pair: &[Node]| TransportId::derive(&pair[0].key(), &pair[1].key(), &kind("messaging"));
        PathChoice::exactly(row.windows(2).map(hop).collect())
    }

    pub(crate) async fn stop(self, nodes: Vec<Node>) {
        for node in nodes {
            node.stop().await;
        }
        self.services.stop().await;
    }
}

fn has(from: &Node, to: &Node, wanted: &str) -> Result<TransportId, String> {
    let transports = from.transports();
    let found = transports.iter().find(|info| info.peer == to.key() && info.kind == kind(wanted));
    found.map(|info| info.id).ok_or_else(|| format!("{transports:?}"))
}

/// Waits for a `quic` transport between two nodes.
pub(crate) async fn direct(from: &Node, to: &Node) -> TransportId {
    until("direct transport", PATIENCE, async || has(from, to, "quic")).await
}

pub(crate) fn only_relayed(node: &Node) -> bool {
    node.transports().iter().all(|info| info.kind == kind("messaging"))
}

/// An app that sends back what comes.
pub(crate) struct Echo {
    echoed: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Echo {
    pub(crate) fn at(node: &Node) {
        let mut listener = node.listen(PORT).unwrap();
        tokio::spawn(async move {
            while let Some(incoming) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut receive, mut send) = split(incoming.stream);
                    // Whoever breaks the stream knows it.
                    let _ = tokio::io::copy(&mut receive, &mut send).await;
                    let _ = send.shutdown().await;
                });
            }
        });
    }

    pub(crate) async fn dial(from: &Node, to: &Node, choice: PathChoice) -> (OverlayStream, Vec<RouteInfo>) {
        from.dial(OverlayAddress { key: to.key(), port: PORT }, choice).await.unwrap()
    }

    /// Sends numbered blocks, one after the other, and compares each with what comes back.
    pub(crate) async fn exchange(stream: &mut OverlayStream, blocks: u64) {
        for number in 0..blocks {
            block(stream, number).await;
        }
    }

    /// Does so until it is ended.
    pub(crate) fn go_on(mut stream: OverlayStream) -> Self {
        let (counter, echoed) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            for number in 0.. {
                if *stopped.borrow() {
                    return;
                }
                block(&mut stream, number).await;
                counter.send_replace(number + 1);
            }
        });
        Self { echoed, stop, task }
    }

    /// Waits until blocks that were sent from now on have come back.
    pub(crate) async fn goes_on(&mut self) {
        let enough = *self.echoed.borrow() + 50;
        let came = timeout(PATIENCE, self.echoed.wait_for(|count| *count >= enough)).await;
        came.expect("the transfer goes on").expect("no block is wrong");
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.expect("no block is wrong");
    }
}

async fn block(stream: &mut OverlayStream, number: u64) {
    let sent: Vec<u8> = (0..BLOCK as u64 / 8).flat_map(|word| (number << 16 | word).to_be_bytes()).collect();
    stream.write_all(&sent).await.unwrap();
    let mut back = vec![0; BLOCK];
    let read = timeout(PATIENCE, stream.read_exact(&mut back)).await.expect("the echo answers");
    read.unwrap();
    assert!(back == sent, "block {number} comes back as it was sent");
}
