//! A control plane in this process and nodes as child processes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use byway_base::PublicKey;
use byway_cli::demo::services::Services;
use byway_netns::Namespace;
use tempfile::TempDir;
use tokio::time::{Duration, sleep};

use crate::{
    child::Child,
    process,
    role::{
        Answer, Command,
        node::{NodeCommand, NodePlan},
    },
};

/// How long and how often a path is asked for before it counts as missing.
const PATH_TRIES: (u32, Duration) = (200, Duration::from_millis(50));

/// The nodes of one measurement. Dropping it kills them.
pub(crate) struct Network {
    transport: String,
    pub(crate) nodes: Vec<Member>,
    services: Services,
    _directory: TempDir,
}

/// A node in a process of its own.
pub(crate) struct Member {
    pub(crate) key: PublicKey,
    address: SocketAddr,
    child: Child,
}

impl Network {
    /// No nodes yet; all their transports will be of one type.
    pub(crate) async fn start(transport: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let services = Services::start(directory.path()).await?;
        Ok(Self::with(transport, services, directory))
    }

    /// As [`Self::start`], with services that run already, in this directory.
    pub(crate) fn with(transport: &str, services: Services, directory: TempDir) -> Self {
        Self { transport: transport.to_owned(), nodes: Vec::new(), services, _directory: directory }
    }

    /// Nodes in a row: the sink is the first, the source the last.
    pub(crate) async fn chain(transport: &str, intermediates: usize) -> Result<Self> {
        let mut network = Self::start(transport).await?;
        let mut last = network.add(&[]).await?;
        for _ in 0..=intermediates {
            last = network.add(&[last]).await?;
        }
        Ok(network)
    }

    /// Starts a node with transports to others, given by their places in `nodes`; returns its place.
    pub(crate) async fn add(&mut self, peers: &[usize]) -> Result<usize> {
        let peers: Vec<_> = peers.iter().map(|peer| (*peer, Ipv4Addr::LOCALHOST.into())).collect();
        self.add_child(Child::start()?, Ipv4Addr::LOCALHOST, &peers).await
    }

    /// As [`Self::add`], in a namespace from which the peers are reached at these addresses.
    pub(crate) async fn add_in(&mut self, namespace: &Namespace, peers: &[(usize, IpAddr)]) -> Result<usize> {
        self.add_child(Child::start_in(namespace)?, Ipv4Addr::UNSPECIFIED, peers).await
    }

    async fn add_child(
        &mut self,
        mut child: Child,
        listen: Ipv4Addr,
        peers: &[(usize, IpAddr)],
    ) -> Result<usize> {
        let dial = peers.iter().map(|(peer, at)| {
            let member = &self.nodes[*peer];
            let address = SocketAddr::new(*at, member.address.port());
            (self.transport.clone(), member.key, (self.transport != "messaging").then_some(address))
        });
        let dial = dial.collect();
        let plan = NodePlan {
            transport_discovery: self.services.transport_discovery.url(),
            route_finder: self.services.route_finder.url(),
            messaging_discovery: self.services.messaging_discovery.url(),
            setup_node: self.services.setup_node.key.context("the setup node has no key")?,
            listen: SocketAddr::from((listen, 0)),
            dial,
        };
        let answer: Answer = child.ask(&Command::Node(NodeCommand::Start(Box::new(plan)))).await?;
        let key = answer.key.context("the node has no key")?;
        let address = if self.transport == "quic" { &answer.quic_address } else { &answer.address };
        let mut member = Member { key, address: address.parse()?, child };
        let peers = peers.iter().map(|(peer, _)| self.nodes[*peer].key).collect();
        member.ask(NodeCommand::AwaitTransports { peers }).await?;
        self.nodes.push(member);
        Ok(self.nodes.len() - 1)
    }

    /// The route finder learns of a transport a moment after it is up.
    pub(crate) async fn await_path(&mut self, from: usize, to: usize, policy: &str) -> Result<()> {
        let to = self.nodes[to].key;
        let (tries, pause) = PATH_TRIES;
        let mut last = None;
        for _ in 0..tries {
            let policies = vec![policy.to_owned()];
            match self.nodes[from].ask(NodeCommand::Ping { to, policies, count: 1 }).await {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
            sleep(pause).await;
        }
        Err(last.context("nothing was tried")?)
    }

    /// Processor time of each node so far, seconds.
    pub(crate) fn cpu(&self) -> Result<Vec<f64>> {
        self.nodes.iter().map(|node| process::cpu_seconds(node.pid()?)).collect()
    }

    /// Ends the nodes, then the services.
    pub(crate) async fn stop(self) {
        drop(self.nodes);
        self.services.stop().await;
    }
}

impl Member {
    pub(crate) async fn ask(&mut self, command: NodeCommand) -> Result<Answer> {
        self.child.ask(&Command::Node(command)).await
    }

    /// The process, for what is no command to a node.
    pub(crate) const fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.pid()
    }
}
