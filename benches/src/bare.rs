//! What the machine does without the overlay: streams of plain TCP and of TLS over TCP, spliced by hand by 0 to 3
//! processes in a row.

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    Options,
    child::Child,
    process, progress,
    role::{Answer, Command, bare::Bare, stream::Place},
    stats::{median, percentile},
};

/// Small messages per run.
const PINGS: u32 = 1_000;

/// One stream over a row of splicers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BareRow {
    pub(crate) encrypted: bool,
    pub(crate) splicers: usize,
    pub(crate) mb_per_s: f64,
    pub(crate) source_cpu_s_per_gb: f64,
    /// Mean of the splicers.
    pub(crate) splicer_cpu_s_per_gb: Option<f64>,
    pub(crate) sink_cpu_s_per_gb: f64,
    pub(crate) rtt_p50_us: f64,
    pub(crate) rtt_p99_us: f64,
}

/// Plain TCP and TLS, each over 0 to 3 splicers.
pub(crate) async fn all(options: Options) -> Result<Vec<BareRow>> {
    let mut rows = Vec::new();
    for encrypted in [false, true] {
        for splicers in 0..=3 {
            let what = if encrypted { "TLS" } else { "plain TCP" };
            progress(&format!("measuring {what} over {splicers} splicers"));
            rows.push(measure(encrypted, splicers, options).await?);
        }
    }
    Ok(rows)
}

/// Medians over the runs.
pub(crate) async fn measure(encrypted: bool, splicers: usize, options: Options) -> Result<BareRow> {
    let (mut speed, mut source, mut between, mut sink) = (vec![], vec![], vec![], vec![]);
    let (mut p50, mut p99) = (vec![], vec![]);
    for _ in 0..options.runs {
        let (sent, used) = transfer(encrypted, splicers, options.bytes()).await?;
        let gigabytes = options.bytes() as f64 / 1e9;
        let count = splicers as f64;
        speed.push(options.bytes() as f64 / 1e6 / sent.seconds);
        source.push(used[splicers + 1] / gigabytes);
        between.push(used[1..=splicers].iter().sum::<f64>() / count / gigabytes);
        sink.push(used[0] / gigabytes);
        let times = ping(encrypted, splicers).await?.times_us;
        p50.push(percentile(&times, 0.5));
        p99.push(percentile(&times, 0.99));
    }
    Ok(BareRow {
        encrypted,
        splicers,
        mb_per_s: median(speed),
        source_cpu_s_per_gb: median(source),
        splicer_cpu_s_per_gb: (splicers > 0).then(|| median(between)),
        sink_cpu_s_per_gb: median(sink),
        rtt_p50_us: median(p50),
        rtt_p99_us: median(p99),
    })
}

/// The sink first, then the splicers, the one next to the source last.
struct Row {
    children: Vec<Child>,
    place: Place,
    source: Child,
}

impl Row {
    async fn start(end: Bare, encrypted: bool, splicers: usize) -> Result<Self> {
        let mut sink = Child::start()?;
        let mut place = place(&sink.ask(&Command::Bare(end)).await?)?;
        let mut children = vec![sink];
        for _ in 0..splicers {
            let mut splicer = Child::start()?;
            let answer = splicer.ask(&Command::Bare(Bare::Forward { encrypted, to: place })).await?;
            place = self::place(&answer)?;
            children.push(splicer);
        }
        Ok(Self { children, place, source: Child::start()? })
    }

    fn cpu(&self) -> Result<Vec<f64>> {
        let children = self.children.iter().chain([&self.source]);
        children.map(|child| process::cpu_seconds(child.pid()?)).collect()
    }
}

/// Where the child serves that gave this answer.
pub(crate) fn place(answer: &Answer) -> Result<Place> {
    Ok(Place { address: answer.address.parse().context("the child has no address")?, key: answer.key })
}

async fn transfer(encrypted: bool, splicers: usize, bytes: u64) -> Result<(Answer, Vec<f64>)> {
    let mut row = Row::start(Bare::Discard { encrypted }, encrypted, splicers).await?;
    let before = row.cpu()?;
    let sent = row.source.ask(&Command::Bare(Bare::Send { to: row.place, bytes })).await?;
    let used = row.cpu()?.iter().zip(before).map(|(after, before)| after - before).collect();
    Ok((sent, used))
}

async fn ping(encrypted: bool, splicers: usize) -> Result<Answer> {
    let mut row = Row::start(Bare::Echo { encrypted }, encrypted, splicers).await?;
    row.source.ask(&Command::Bare(Bare::Ping { to: row.place, count: PINGS })).await
}
