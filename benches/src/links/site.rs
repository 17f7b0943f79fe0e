//! Namespaces with emulated links between them, and a network apart from those for the control plane.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use byway_cli::demo::services::Services;
use byway_netns::{Lab, Link, Namespace, Plug, Shape};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

use crate::network::Network;

/// Where the services listen.
const HUB: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// Threads of the control plane; it has next to nothing to do.
const CONTROL_THREADS: usize = 2;
/// Most that a socket sends ahead, so that links and not the kernel's defaults are the limit. What it receives ahead
/// is bounded to as much by default.
const SEND_BUFFERS: &str = "4096 16384 33554432";

/// Where a measurement takes place. Dropping it removes all of it.
pub(super) struct Site {
    nodes: Vec<Namespace>,
    joins: Vec<(usize, usize)>,
    links: Vec<Link>,
    hub: Namespace,
    // Dropped last.
    _lab: Lab,
}

impl Site {
    /// So many namespaces, and a link for each pair of them.
    pub(super) fn build(
        count: usize,
        joins: &[(usize, usize)],
        shape: Shape,
        congestion: &str,
    ) -> Result<Self> {
        let lab = Lab::start()?;
        let hub = lab.namespace("hub")?;
        let switch = Plug::new(&hub, "br0", &format!("{HUB}/24"));
        lab.switch(&switch)?;
        let mut nodes = Vec::new();
        for number in 0..count {
            let node = lab.namespace(&format!("node{number}"))?;
            node.sysctl("ipv4/ip_forward", "1")?;
            node.sysctl("ipv4/tcp_congestion_control", congestion)?;
            node.sysctl("ipv4/tcp_wmem", SEND_BUFFERS)?;
            lab.cable_to_switch(
                &switch,
                &Plug::new(&node, "control", &format!("10.99.0.{}/24", number + 2)),
            )?;
            nodes.push(node);
        }
        let mut site = Self { nodes, joins: joins.to_vec(), links: Vec::new(), hub, _lab: lab };
        for (index, (left, right)) in joins.iter().enumerate() {
            let plug = |node: usize, address: IpAddr| {
                Plug::new(&site.nodes[node], &format!("link{index}"), &format!("{address}/30"))
            };
            let (left, right) = (plug(*left, site.left(index)), plug(*right, site.right(index)));
            site.links.push(Link::lay(left, right, [shape; 2], index as u64)?);
        }
        Ok(site)
    }

    /// Namespaces in a row. The kernels between the ends forward what is sent to [`Self::end`].
    pub(super) fn row(links: usize, shape: Shape, congestion: &str) -> Result<Self> {
        let joins: Vec<_> = (0..links).map(|left| (left, left + 1)).collect();
        let site = Self::build(links + 1, &joins, shape, congestion)?;
        for number in 0..=links {
            for link in 0..links {
                let via = match link {
                    _ if link > number => site.right(number),
                    _ if link + 1 < number => site.left(number - 1),
                    _ => continue,
                };
                site.nodes[number].ip(&format!("route add {}/32 via {via}", site.left(link)))?;
                site.nodes[number].ip(&format!("route add {}/32 via {via}", site.right(link)))?;
            }
        }
        Ok(site)
    }

    fn left(&self, link: usize) -> IpAddr {
        address(link, 1)
    }

    fn right(&self, link: usize) -> IpAddr {
        address(link, 2)
    }

    /// The last node's address on the last link.
    pub(super) fn end(&self) -> IpAddr {
        self.right(self.joins.len().saturating_sub(1))
    }

    /// The first and the last namespace.
    pub(super) fn ends(&self) -> Result<(&Namespace, &Namespace)> {
        self.nodes.first().zip(self.nodes.last()).context("a site has nodes")
    }

    /// Packets that the machine was too busy to carry.
    pub(super) fn overruns(&self) -> Result<u64> {
        let each = self.links.iter().map(Link::overruns);
        Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().sum())
    }

    /// Starts a control plane and a node in each namespace, with a transport over each link.
    pub(super) async fn network(&self, transport: &str) -> Result<(Network, Control)> {
        let (control, services, directory) = Control::start(&self.hub).await?;
        let mut network = Network::with(transport, services, directory);
        // Both ends dial towards the lower number, so that each peer is there already.
        for (number, namespace) in self.nodes.iter().enumerate() {
            let mut peers = Vec::new();
            for (index, (left, right)) in self.joins.iter().enumerate() {
                if *right == number {
                    peers.push((*left, self.left(index)));
                }
            }
            network.add_in(namespace, &peers).await?;
        }
        Ok((network, control))
    }
}

/// A network for each link.
fn address(link: usize, host: u8) -> IpAddr {
    Ipv4Addr::new(10, 1, link as u8, host).into()
}

/// The threads of the control plane, in the hub's namespace.
pub(super) struct Control(Option<Runtime>);

impl Control {
    async fn start(hub: &Namespace) -> Result<(Self, Services, TempDir)> {
        let build =
            || runtime::Builder::new_multi_thread().worker_threads(CONTROL_THREADS).enable_all().build();
        let runtime = hub.enter(build)??;
        let directory = TempDir::new()?;
        let path = directory.path().to_owned();
        let services = runtime.spawn(async move { Services::start_at(HUB.into(), &path).await });
        let control = Self(Some(runtime));
        Ok((control, services.await??, directory))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Waiting for its threads is forbidden to a task.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
