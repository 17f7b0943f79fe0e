//! A stream between two clients through one server, and through two: throughput, processor time, round trips.

use anyhow::{Context, Result};
use tokio::time::{Duration, sleep};

use super::{
    Extent,
    server::{self, Clients, Discovery},
};
use crate::{
    Options,
    bare::{self, BareRow},
    progress,
    role::{
        Answer,
        client::{ClientCommand, ClientPlan},
    },
    service::ServiceProcess,
    stats::{median, percentile},
    target::Line,
};

/// How long and how often a peer is tried before it counts as out of reach: servers learn of each other from discovery.
const TRIES: (u32, Duration) = (200, Duration::from_millis(50));
/// Streams of one connection, what the predecessor needed, and which share of plain TCP it reached.
const STREAMS: [(u32, &str, &str); 2] = [(1, "2.56", "0.047"), (8, "1.88", "0.065")];

/// What is between the two clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// A server to which both are connected by TLS.
    Tls,
    /// A server to which both are connected by QUIC.
    Quic,
    /// A server of each; the clients are connected by TLS.
    TwoServers,
}

impl Between {
    const fn text(self) -> &'static str {
        match self {
            Self::Tls => "a server, TLS links",
            Self::Quic => "a server, QUIC links",
            Self::TwoServers => "two servers, TLS links",
        }
    }
}

/// The same by hand.
pub(super) struct Reference {
    plain: BareRow,
    spliced: BareRow,
}

impl Reference {
    pub(super) async fn measure(options: Options) -> Result<Self> {
        progress("measuring plain TCP, and TLS spliced by hand");
        let plain = bare::measure(false, 0, options).await?;
        Ok(Self { plain, spliced: bare::measure(true, 1, options).await? })
    }
}

pub(super) async fn measure(
    between: Between,
    reference: &Reference,
    extent: Extent,
    options: Options,
) -> Result<Vec<Line>> {
    progress(&format!("measuring streams through {}", between.text()));
    let mut relay = Relay::start(between).await?;
    let mut lines = Vec::new();
    for (streams, cpu, share) in STREAMS {
        let row = relay.send(streams, options).await?;
        lines.extend(of_throughput(&row, between, streams, (cpu, share), reference));
    }
    lines.extend(relay.ping(between, extent, options, &reference.plain).await?);
    relay.stop().await;
    Ok(lines)
}

/// Two clients and the servers between them.
struct Relay {
    servers: Vec<ServiceProcess>,
    source: Clients,
    sink: Clients,
    discovery: Discovery,
}

/// One transfer, or the median of some: processor time in CPU-s/GB.
struct Transfer {
    mb_per_s: f64,
    server: f64,
    source: f64,
    sink: f64,
}

impl Relay {
    /// Through two servers: each client knows one of them only.
    async fn start(between: Between) -> Result<Self> {
        let discovery = Discovery::start().await?;
        let mut started = Vec::new();
        let servers = if between == Between::TwoServers { 2 } else { 1 };
        for _ in 0..servers {
            started.push(server::start_listed(&discovery).await?);
        }
        let plan = |server: Option<&ServiceProcess>| {
            let server = server.context("there is no server")?;
            let discovery = Some(discovery.url());
            let quic = between == Between::Quic;
            anyhow::Ok(ClientPlan { servers: vec![server.place], quic, discovery, confined: true })
        };
        let sink = Clients::start(plan(started.last())?, 1).await?;
        let source = Clients::start(plan(started.first())?, 1).await?;
        let mut relay = Self { servers: started, source, sink, discovery };
        relay.await_way().await?;
        Ok(relay)
    }

    async fn stop(self) {
        drop((self.servers, self.source, self.sink));
        self.discovery.stop().await;
    }

    async fn await_way(&mut self) -> Result<()> {
        let (tries, pause) = TRIES;
        let mut last = None;
        for _ in 0..tries {
            match self.ping_once(1).await {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
            sleep(pause).await;
        }
        Err(last.context("nothing was tried")?)
    }

    async fn ping_once(&mut self, count: u32) -> Result<Answer> {
        self.source.ask(ClientCommand::Ping { to: self.sink.key()?, count }).await
    }

    fn cpu(&self) -> Result<[f64; 3]> {
        let servers = self.servers.iter().map(ServiceProcess::cpu).sum::<Result<f64>>()?;
        Ok([servers, self.source.cpu()?, self.sink.cpu()?])
    }

    /// The median of some transfers.
    async fn send(&mut self, streams: u32, options: Options) -> Result<Transfer> {
        let mut runs = Vec::new();
        for _ in 0..options.runs {
            let before = self.cpu()?;
            let send = ClientCommand::Send { to: self.sink.key()?, streams, bytes: options.bytes() };
            let sent = self.source.ask(send).await?;
            let after = self.cpu()?;
            let gigabytes = sent.bytes as f64 / 1e9;
            let used = |which: usize| (after[which] - before[which]) / gigabytes;
            let mb_per_s = gigabytes * 1e3 / sent.seconds;
            runs.push(Transfer { mb_per_s, server: used(0), source: used(1), sink: used(2) });
        }
        let of = |part: fn(&Transfer) -> f64| median(runs.iter().map(part));
        Ok(Transfer {
            mb_per_s: of(|run| run.mb_per_s),
            server: of(|run| run.server),
            source: of(|run| run.source),
            sink: of(|run| run.sink),
        })
    }

    async fn ping(
        &mut self,
        between: Between,
        extent: Extent,
        options: Options,
        plain: &BareRow,
    ) -> Result<[Line; 2]> {
        let (mut p50, mut p99) = (vec![], vec![]);
        for _ in 0..options.runs {
            let times = self.ping_once(extent.pings).await?.times_us;
            p50.push(percentile(&times, 0.5));
            p99.push(percentile(&times, 0.99));
        }
        let line = |which: &str, measured, direct| {
            let through = between.text();
            Line::new(format!("round trip of 64 B, {through}: {which}"), "µs", measured)
                .beside("direct TCP", direct)
        };
        let p50 = line("p50", median(p50), plain.rtt_p50_us);
        let p99 = line("p99", median(p99), plain.rtt_p99_us);
        if between != Between::Tls {
            return Ok([p50, p99]);
        }
        Ok([
            p50.target(150.0, 100.0).known("72", "coturn 62", "direct TCP 77"),
            p99.target(320.0, 250.0).known("194", "rathole 321", "direct TCP 130"),
        ])
    }
}

fn of_throughput(
    row: &Transfer,
    between: Between,
    streams: u32,
    (cpu, share): (&'static str, &'static str),
    Reference { plain, spliced }: &Reference,
) -> [Line; 2] {
    let what = format!("relay, {}, {streams} streams", between.text());
    let used = Line::new(format!("{what}: servers"), "CPU-s/GB", row.server)
        .beside("TLS spliced by hand", spliced.splicer_cpu_s_per_gb.unwrap_or(f64::NAN))
        .beside("source", row.source)
        .beside("sink", row.sink);
    let speed = Line::new(format!("{what}: share of plain TCP"), "x", row.mb_per_s / plain.mb_per_s)
        .beside("MB/s", row.mb_per_s)
        .beside("TLS spliced by hand, x", spliced.mb_per_s / plain.mb_per_s);
    if between != Between::Tls {
        return [used, speed];
    }
    [
        used.target(1.0, 0.7).known(cpu, "libp2p 2.49", "TLS in+out 0.80"),
        speed.target(0.25, 0.40).known(share, "libp2p 0.100", "haproxy plain 0.68"),
    ]
}
