//! Nodes in a row: source, intermediates, sink.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use byway_base::PublicKey;
use byway_cli::demo::services::Services;
use tokio::time::sleep;

use crate::{
    child::Child,
    cpu,
    role::{Answer, Command, NodePlan},
};

/// Small messages per latency row; an echo stream returns no more than 64 KiB.
const PINGS: u32 = 1_000;
/// Dials per dial row.
const DIALS: u32 = 16;

/// One row of the table.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Row {
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

struct Chain {
    nodes: Vec<Child>,
    keys: Vec<PublicKey>,
}

pub(crate) async fn measure(intermediates: usize, transport: &str, bytes: u64, runs: usize) -> Result<Row> {
    let directory = tempfile::tempdir()?;
    let services = Services::start(directory.path()).await?;
    let mut chain = Chain::start(intermediates + 2, transport, &services).await?;
    let policy = format!("hops={}", intermediates + 1);
    let result = chain.measure(transport, &policy, bytes, runs).await;
    drop(chain);
    services.stop().await;
    result
}

impl Chain {
    /// The sink first, since each node dials the next one.
    async fn start(count: usize, transport: &str, services: &Services) -> Result<Self> {
        let (mut nodes, mut keys) = (Vec::new(), Vec::new());
        let mut next: Option<(PublicKey, SocketAddr)> = None;
        for _ in 0..count {
            let mut node = Child::start()?;
            let dial = next
                .map(|(key, address)| (transport.to_owned(), key, (transport == "tcp").then_some(address)));
            let plan = NodePlan {
                transport_discovery: services.transport_discovery.url(),
                route_finder: services.route_finder.url(),
                messaging_discovery: services.messaging_discovery.url(),
                setup_node: services.setup_node.key.context("the setup node has no key")?,
                dial: dial.into_iter().collect(),
            };
            let answer: Answer = node.ask(&Command::Node(Box::new(plan))).await?;
            let key = answer.key.context("the node has no key")?;
            let peers = next.map(|(key, _)| key).into_iter().collect();
            let _: Answer = node.ask(&Command::AwaitTransports { peers }).await?;
            next = Some((key, answer.address.parse()?));
            nodes.insert(0, node);
            keys.insert(0, key);
        }
        Ok(Self { nodes, keys })
    }

    async fn measure(&mut self, transport: &str, policy: &str, bytes: u64, runs: usize) -> Result<Row> {
        let to = *self.keys.last().context("a chain has a sink")?;
        self.await_path(to, policy).await?;
        let own = std::process::id();
        let mut results = Vec::new();
        for _ in 0..runs {
            let (before, own_before) = (self.cpu()?, cpu::seconds(own)?);
            let send = Command::Send { to, policy: policy.to_owned(), bytes };
            let sent: Answer = self.nodes[0].ask(&send).await?;
            let used: Vec<f64> =
                self.cpu()?.iter().zip(before).map(|(after, before)| after - before).collect();
            results.push((sent.seconds, used, cpu::seconds(own)? - own_before));
        }
        results.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (seconds, used, own_used) = &results[results.len() / 2];
        let gigabytes = bytes as f64 / 1e9;
        let between = &used[1..used.len() - 1];
        let ping: Answer =
            self.nodes[0].ask(&Command::Ping { to, policy: policy.to_owned(), count: PINGS }).await?;
        let hops = format!("hops>={}", self.nodes.len() - 1);
        let dials: Answer = self.nodes[0].ask(&Command::Dial { to, policy: hops, count: DIALS }).await?;
        Ok(Row {
            transport: transport.to_owned(),
            intermediates: between.len(),
            mb_per_s: bytes as f64 / 1e6 / seconds,
            source_cpu_s_per_gb: used[0] / gigabytes,
            intermediate_cpu_s_per_gb: (!between.is_empty())
                .then(|| between.iter().sum::<f64>() / between.len() as f64 / gigabytes),
            sink_cpu_s_per_gb: used[used.len() - 1] / gigabytes,
            relay_cpu_s_per_gb: (transport == "messaging").then_some(own_used / gigabytes),
            rtt_p50_us: percentile(&ping.times_us, 0.5),
            rtt_p99_us: percentile(&ping.times_us, 0.99),
            dial_p50_ms: percentile(&dials.times_us, 0.5) / 1e3,
            source_resident_bytes: cpu::resident(self.nodes[0].pid()?)?,
        })
    }

    /// The route finder learns of the last transport a moment after it is up.
    async fn await_path(&mut self, to: PublicKey, policy: &str) -> Result<()> {
        let mut last = None;
        for _ in 0..200 {
            match self.nodes[0]
                .ask::<_, Answer>(&Command::Ping { to, policy: policy.to_owned(), count: 1 })
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(last.context("nothing was tried")?)
    }

    fn cpu(&self) -> Result<Vec<f64>> {
        self.nodes.iter().map(|node| cpu::seconds(node.pid()?)).collect()
    }
}

fn percentile(times: &[f64], part: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = ((sorted.len() as f64 * part) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
