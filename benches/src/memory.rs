//! What waits costs: memory per idle route at a forwarder and per idle session at its ends.

use anyhow::Result;
use byway_base::Moment;
use byway_routing::{Forwarder, ForwarderConfig};

use crate::{
    Options, forwarder, network::Network, process, role::node::NodeCommand, stats::median, target::Line,
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
        let (at_source, at_sink) = per_session().await?;
        source.push(at_source);
        sink.push(at_sink);
    }
    Ok(vec![
        Line::new("idle route at a forwarder", "bytes", route).target(1_024.0, 256.0),
        Line::new("idle session at its source, with its route and a stream", "bytes", median(source))
            .target(65_536.0, 32_768.0),
        Line::new("idle session at its sink, with its route and a stream", "bytes", median(sink))
            .target(65_536.0, 32_768.0),
    ])
}

/// Bytes held per route, by the allocator's count.
fn per_route() -> Result<f64> {
    let mut forwarder = Forwarder::new(ForwarderConfig::default());
    let previous = forwarder.add_transport(Moment::ZERO);
    let next = forwarder.add_transport(Moment::ZERO);
    let mut installed = Ok(());
    let counted = allocation_counter::measure(|| {
        installed = forwarder::install(&mut forwarder, previous, next, ROUTES);
    });
    installed?;
    Ok(counted.bytes_current as f64 / f64::from(ROUTES))
}

/// Growth of the resident memory of both ends per session.
async fn per_session() -> Result<(f64, f64)> {
    let mut network = Network::chain("tcp", 0).await?;
    let growth = sessions_over(&mut network).await;
    network.stop().await;
    growth
}

async fn sessions_over(network: &mut Network) -> Result<(f64, f64)> {
    network.await_path(1, 0, "").await?;
    network.nodes[0].ask(NodeCommand::ListenIdle { count: SESSIONS }).await?;
    let to = network.nodes[0].key;
    network.nodes[1].ask(NodeCommand::OpenIdle { to, count: FIRST }).await?;
    let before = resident(network)?;
    network.nodes[1].ask(NodeCommand::OpenIdle { to, count: SESSIONS }).await?;
    let after = resident(network)?;
    let each = |node: usize| (after[node] - before[node]) / f64::from(SESSIONS - FIRST);
    Ok((each(1), each(0)))
}

fn resident(network: &Network) -> Result<Vec<f64>> {
    network.nodes.iter().map(|node| Ok(process::resident_bytes(node.pid()?)? as f64)).collect()
}
