//! A transfer while the active intermediate crashes: how soon the session goes over its spare, and how long nothing
//! arrives.

use anyhow::{Context, Result};
use tokio::time::{Duration, sleep};

use crate::{
    Options,
    network::Network,
    process,
    role::node::{NodeCommand, now_us},
    stats::median,
    target::Line,
};

/// Both routes have one intermediate, and the two share nothing.
const POLICY: &str = "hops=2 disjoint=2";
/// The crash comes after this part of the time that an undisturbed transfer took.
const AFTER: f64 = 0.3;

/// Milliseconds.
struct Switch {
    undisturbed_pause: f64,
    until_switch: f64,
    pause: f64,
}

pub(crate) async fn measure(options: Options) -> Result<Vec<Line>> {
    let mut runs = Vec::new();
    for _ in 0..options.runs {
        let mut network = Network::start("tcp").await?;
        let run = switch(&mut network, options.bytes()).await;
        network.stop().await;
        runs.push(run?);
    }
    let of = |part: fn(&Switch) -> f64| median(runs.iter().map(part));
    let undisturbed = of(|run| run.undisturbed_pause);
    Ok(vec![
        Line::new(
            "crash of the active intermediate until the switch to the spare",
            "ms",
            of(|r| r.until_switch),
        )
        .target(100.0, 20.0),
        Line::new("longest pause at the sink then, every byte arrived", "ms", of(|run| run.pause))
            .target(100.0, 20.0)
            .beside("without a crash", undisturbed),
    ])
}

async fn switch(network: &mut Network, bytes: u64) -> Result<Switch> {
    let sink = network.add(&[]).await?;
    let between = [network.add(&[sink]).await?, network.add(&[sink]).await?];
    let source = network.add(&between).await?;
    let to = network.nodes[sink].key;
    network.await_path(source, sink, POLICY).await?;
    let policy = POLICY.to_owned();
    let spare = NodeCommand::AwaitSpare { to, policy: policy.clone() };
    let active = *network.nodes[source].ask(spare).await?.keys.first().context("there is no active route")?;
    let send = || NodeCommand::SendSwitching { to, policy: policy.clone(), bytes };
    let undisturbed = network.nodes[source].ask(send()).await?;
    let victim = between.into_iter().find(|node| network.nodes[*node].key == active);
    let victim = network.nodes[victim.context("the active route has no intermediate of ours")?].pid()?;
    let crash = async {
        sleep(Duration::from_secs_f64(undisturbed.seconds * AFTER)).await;
        let at = now_us();
        process::kill(victim).map(|()| at)
    };
    let (disturbed, crashed) = tokio::join!(network.nodes[source].ask(send()), crash);
    let (disturbed, crashed) = (disturbed?, crashed?);
    let switched = *disturbed.happened_us.first().context("the session did not go over to its spare")?;
    Ok(Switch {
        undisturbed_pause: undisturbed.pause_us / 1e3,
        until_switch: switched.saturating_sub(crashed) as f64 / 1e3,
        pause: disturbed.pause_us / 1e3,
    })
}
