//! What other routes feel of a reader that is dead and of a node that is halted, at an intermediate that all share.

use anyhow::Result;

use crate::{
    Options,
    network::Network,
    process::Halted,
    role::node::NodeCommand,
    stats::{median, percentile},
    target::Line,
};

/// Sessions, each with a route of its own, over the same intermediate.
const ROUTES: usize = 4;
/// Small messages on each of them per run; an echo stream returns no more than 64 KiB.
const PINGS: u32 = 1_000;

/// What keeps one route from moving.
#[derive(Clone, Copy)]
enum Trouble {
    /// The app at its end does not read; its node does.
    DeadReader,
    /// The process of its last node is halted.
    HaltedNode,
}

/// Source, the shared intermediate, the sink of the routes that are watched, the end of the one in trouble.
struct Places {
    source: usize,
    sink: usize,
    troubled: usize,
}

/// How the watched routes do: 99th percentile of small messages in µs, and MB/s of all together.
struct Seen {
    p99_us: f64,
    mb_per_s: f64,
}

pub(crate) async fn measure(options: Options) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (name, trouble) in [("a dead reader", Trouble::DeadReader), ("a halted node", Trouble::HaltedNode)] {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..options.runs {
            let mut network = Network::start("tcp").await?;
            let seen = compare(&mut network, trouble, options.bytes()).await;
            network.stop().await;
            let (quiet, troubled) = seen?;
            without.push(quiet);
            with.push(troubled);
        }
        lines.extend(compared(name, &without, &with));
    }
    Ok(lines)
}

fn compared(name: &str, without: &[Seen], with: &[Seen]) -> [Line; 2] {
    let pairs = || with.iter().zip(without);
    let of = |seen: &[Seen], part: fn(&Seen) -> f64| median(seen.iter().map(part));
    let p99 = median(pairs().map(|(with, without)| with.p99_us / without.p99_us));
    let speed = median(pairs().map(|(with, without)| with.mb_per_s / without.mb_per_s));
    [
        Line::new(format!("other routes' p99 with {name}"), "x", p99)
            .target(1.2, 1.05)
            .beside("µs with it", of(with, |seen| seen.p99_us))
            .beside("without", of(without, |seen| seen.p99_us)),
        Line::new(format!("other routes' throughput with {name}"), "x", speed)
            .beside("MB/s with it", of(with, |seen| seen.mb_per_s))
            .beside("without", of(without, |seen| seen.mb_per_s)),
    ]
}

/// The same on the same routes, before and while one more is stuck.
async fn compare(network: &mut Network, trouble: Trouble, bytes: u64) -> Result<(Seen, Seen)> {
    let sink = network.add(&[]).await?;
    let end = network.add(&[]).await?;
    let between = network.add(&[sink, end]).await?;
    let source = network.add(&[between]).await?;
    let places = Places { source, sink, troubled: end };
    network.await_path(source, sink, &policies()[0]).await?;
    network.await_path(source, end, &policies()[0]).await?;
    // The sessions are opened and warm.
    watch(network, &places, bytes).await?;
    let without = watch(network, &places, bytes).await?;
    let _halted = stick(network, &places, trouble).await?;
    Ok((without, watch(network, &places, bytes).await?))
}

/// Fills one more route until nothing moves on it.
async fn stick(network: &mut Network, places: &Places, trouble: Trouble) -> Result<Option<Halted>> {
    let dead_reader = matches!(trouble, Trouble::DeadReader);
    let to = network.nodes[places.troubled].key;
    let keep = NodeCommand::Keep { to, policy: policies()[0].clone(), dead_reader };
    network.nodes[places.source].ask(keep).await?;
    let pid = network.nodes[places.troubled].pid()?;
    let halted = if dead_reader { None } else { Some(Halted::new(pid)?) };
    network.nodes[places.source].ask(NodeCommand::Fill).await?;
    Ok(halted)
}

async fn watch(network: &mut Network, places: &Places, bytes: u64) -> Result<Seen> {
    let to = network.nodes[places.sink].key;
    let ping = NodeCommand::Ping { to, policies: policies(), count: PINGS };
    let times = network.nodes[places.source].ask(ping).await?.times_us;
    let send = NodeCommand::Send { to, policies: policies(), bytes };
    let sent = network.nodes[places.source].ask(send).await?;
    Ok(Seen { p99_us: percentile(&times, 0.99), mb_per_s: bytes as f64 / 1e6 / sent.seconds })
}

/// Each makes a session, and a route, of its own.
fn policies() -> Vec<String> {
    (0..ROUTES).map(|number| format!("hops>=2 hops<={} disjoint=1", 2 + number)).collect()
}
