//! What waits costs: memory per idle route at a forwarder and per idle session at its ends.

use anyhow::Result;
use byway_base::Moment;
use byway_routing::{Forwarder, ForwarderConfig};

use crate::{
    Options, forwarder,
    network::Network,
    process,
    role::{Command, node::NodeCommand},
    stats::median,
    target::Line,
};

/// Routes installed at one forwarder; it holds no more than 131 072.
const ROUTES: u32 = 100_000;
/// Sessions between two nodes; a node listens on no more than 1 024 ports.
const SESSIONS: u16 = 1_000;
/// Sessions opened before the first look, so that what is paid once is not counted.
const FIRST: u16 = 20;

pub(crate) async fn measure(options: Options) -> Result<Vec<Line>> {
    let route = per_route()?;
    let (mut source, mut sink) = (vec![], vec![]);
    for _ in 0..options.runs {
        let [at_source, at_sink] = per_session().await?;
        source.push(at_source);
        sink.push(at_sink);
    }
    let session = |at: &str, each: &[Held]| {
        let of = |part: fn(&Held) -> f64| median(each.iter().map(part));
        Line::new(
            format!("idle session at its {at}, with its route and a stream"),
            "bytes",
            of(|held| held.resident),
        )
        .target(65_536.0, 32_768.0)
        .beside("from the allocator, resident or not", of(|held| held.heap))
    };
    Ok(vec![
        Line::new("idle route at a forwarder", "bytes", route).target(1_024.0, 256.0),
        session("source", &source),
        session("sink", &sink),
    ])
}

/// Bytes at one node.
#[derive(Clone, Copy)]
struct Held {
    resident: f64,
    /// A large part of it is memory that was never touched: quinn's buffers for packets that arrive.
    heap: f64,
}

/// Bytes held per route, by the allocator's count.
fn per_route() -> Result<f64> {
    let mut forwarder = Forwarder::new(ForwarderConfig::default());
    let previous = forwarder.add_transport(Moment::ZERO);
    let next = forwarder.add_transport(Moment::ZERO);
    let before = process::heap_bytes()?;
    forwarder::install(&mut forwarder, previous, next, ROUTES)?;
    let held = process::heap_bytes()?.saturating_sub(before);
    Ok(held as f64 / f64::from(ROUTES))
}

/// Growth at source and sink per session.
async fn per_session() -> Result<[Held; 2]> {
    let mut network = Network::chain("tcp", 0).await?;
    let growth = sessions_over(&mut network).await;
    network.stop().await;
    growth
}

async fn sessions_over(network: &mut Network) -> Result<[Held; 2]> {
    network.await_path(1, 0, "").await?;
    network.nodes[0].ask(NodeCommand::ListenIdle { count: SESSIONS }).await?;
    let to = network.nodes[0].key;
    network.nodes[1].ask(NodeCommand::OpenIdle { to, count: FIRST }).await?;
    let before = [held(network, 1).await?, held(network, 0).await?];
    network.nodes[1].ask(NodeCommand::OpenIdle { to, count: SESSIONS }).await?;
    let after = [held(network, 1).await?, held(network, 0).await?];
    let each = |before: f64, after: f64| (after - before) / f64::from(SESSIONS - FIRST);
    let growth = |end: usize| Held {
        resident: each(before[end].resident, after[end].resident),
        heap: each(before[end].heap, after[end].heap),
    };
    Ok([growth(0), growth(1)])
}

async fn held(network: &mut Network, node: usize) -> Result<Held> {
    let child = network.nodes[node].child();
    let heap = child.ask(&Command::Heap).await?.bytes as f64;
    Ok(Held { resident: process::resident_bytes(child.pid()?)? as f64, heap })
}
