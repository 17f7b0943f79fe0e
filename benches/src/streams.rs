//! One stream over nodes in a row: source, intermediates, sink.

use anyhow::Result;
use serde::Serialize;

use crate::{
    Options,
    network::Network,
    process, progress,
    role::node::NodeCommand,
    stats::{median, percentile},
};

/// Small messages per run; an echo stream returns no more than 64 KiB.
const PINGS: u32 = 1_000;
/// Dials per row.
const DIALS: u32 = 16;

/// One row of the table: medians over the runs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StreamRow {
    pub(crate) transport: String,
    pub(crate) intermediates: usize,
    pub(crate) mb_per_s: f64,
    /// Source, each intermediate (their mean), sink; messaging servers are in this process and shown apart.
    pub(crate) source_cpu_s_per_gb: f64,
    pub(crate) intermediate_cpu_s_per_gb: Option<f64>,
    pub(crate) sink_cpu_s_per_gb: f64,
    pub(crate) relay_cpu_s_per_gb: Option<f64>,
    pub(crate) rtt_p50_us: f64,
    pub(crate) rtt_p99_us: f64,
    pub(crate) dial_p50_ms: f64,
    /// Resident memory of the source after the transfers.
    pub(crate) source_resident_bytes: u64,
}

/// Every type over 0 to 3 intermediates, but for `messaging`, whose transports cross a messaging server: that without any.
pub(crate) async fn all(transports: &[String], options: Options) -> Result<Vec<StreamRow>> {
    let mut rows = Vec::new();
    for transport in transports {
        let most = if transport == "messaging" { 0 } else { 3 };
        for intermediates in 0..=most {
            progress(&format!("measuring {transport} over {intermediates} intermediates"));
            rows.push(measure(transport, intermediates, options).await?);
        }
    }
    Ok(rows)
}

async fn measure(transport: &str, intermediates: usize, options: Options) -> Result<StreamRow> {
    let mut network = Network::chain(transport, intermediates).await?;
    let row = measure_over(&mut network, transport, options).await;
    network.stop().await;
    row
}

async fn measure_over(network: &mut Network, transport: &str, options: Options) -> Result<StreamRow> {
    let source = network.nodes.len() - 1;
    let (to, policy) = (network.nodes[0].key, format!("hops={source}"));
    network.await_path(source, 0, &policy).await?;
    let (own, policies) = (std::process::id(), vec![policy.clone()]);
    let gigabytes = options.bytes() as f64 / 1e9;
    let (mut speed, mut used, mut relay) = (vec![], vec![], vec![]);
    let (mut p50, mut p99) = (vec![], vec![]);
    for _ in 0..options.runs {
        let (before, own_before) = (network.cpu()?, process::cpu_seconds(own)?);
        let send = NodeCommand::Send { to, policies: policies.clone(), bytes: options.bytes() };
        let sent = network.nodes[source].ask(send).await?;
        speed.push(options.bytes() as f64 / 1e6 / sent.seconds);
        let each = network.cpu()?;
        used.push(each.iter().zip(before).map(|(after, before)| (after - before) / gigabytes).collect());
        relay.push((process::cpu_seconds(own)? - own_before) / gigabytes);
        let ping = NodeCommand::Ping { to, policies: policies.clone(), count: PINGS };
        let times = network.nodes[source].ask(ping).await?.times_us;
        p50.push(percentile(&times, 0.5));
        p99.push(percentile(&times, 0.99));
    }
    let hops = format!("hops>={source}");
    let dials = network.nodes[source].ask(NodeCommand::Dial { to, policy: hops, count: DIALS }).await?;
    let used: Vec<Vec<f64>> = used;
    let of = |node: usize| median(used.iter().map(|run| run[node]));
    let between: Vec<f64> = (1..source).map(of).collect();
    Ok(StreamRow {
        transport: transport.to_owned(),
        intermediates: between.len(),
        mb_per_s: median(speed),
        source_cpu_s_per_gb: of(source),
        intermediate_cpu_s_per_gb: (!between.is_empty())
            .then(|| between.iter().sum::<f64>() / between.len() as f64),
        sink_cpu_s_per_gb: of(0),
        relay_cpu_s_per_gb: (transport == "messaging").then(|| median(relay)),
        rtt_p50_us: median(p50),
        rtt_p99_us: median(p99),
        dial_p50_ms: percentile(&dials.times_us, 0.5) / 1e3,
        source_resident_bytes: process::resident_bytes(network.nodes[source].pid()?)?,
    })
}
