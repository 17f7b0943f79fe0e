//! One measurement: a stream over fresh links, until it is steady and then for a while.

use std::{fmt, net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use byway_netns::Shape;
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::{Options, site::Site};
use crate::{
    child::Child,
    network::Network,
    role::{Answer, Command, steady::SteadyCommand},
};

/// Most that a measurement takes in all. What is not done by then failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a stream runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TCP between the ends; kernels forward its packets.
    Plain,
    /// A session over transports of this type.
    Overlay(String),
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain TCP"),
            Self::Overlay(transport) => write!(f, "overlay on {transport}"),
        }
    }
}

/// What to measure.
pub(super) struct Cell {
    pub(super) carrier: Carrier,
    pub(super) links: usize,
    pub(super) policy: String,
}

/// How long.
pub(super) struct Span {
    /// Before anything is counted: the stream gets up to speed.
    warm_up: Duration,
    counted: Duration,
}

impl Span {
    pub(super) const WHOLE: Self = Self { warm_up: Duration::from_secs(4), counted: Duration::from_secs(6) };
    pub(super) const QUICK: Self =
        Self { warm_up: Duration::from_millis(500), counted: Duration::from_millis(1_500) };
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} counted after {:?}", self.counted, self.warm_up)
    }
}

/// What came out of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Goodput {
    /// Megabits per second of the app's own bytes.
    MbitPerS(f64),
    /// Why there is no figure.
    Failed(String),
}

impl fmt::Display for Goodput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MbitPerS(figure) => write!(f, "{figure:.1} Mbit/s"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

impl Goodput {
    fn of(result: Result<f64>) -> Self {
        result.map_or_else(|error| Self::Failed(format!("{error:#}")), Self::MbitPerS)
    }
}

/// Measures a row of links.
pub(super) async fn goodput(cell: &Cell, shape: Shape, options: &Options) -> Goodput {
    Goodput::of(within_patience(measure(cell, shape, options)).await)
}

/// Measures two rows of two links between the same ends.
pub(super) async fn striped(transport: &str, policy: &str, shape: Shape, options: &Options) -> Goodput {
    let measured = async {
        let site = Site::build(4, &[(0, 1), (0, 2), (1, 3), (2, 3)], shape, &options.congestion())?;
        overlay(&site, transport, policy, options).await
    };
    Goodput::of(within_patience(measured).await)
}

async fn within_patience(measured: impl Future<Output = Result<f64>>) -> Result<f64> {
    timeout(PATIENCE, measured).await.context("it took too long")?
}

async fn measure(cell: &Cell, shape: Shape, options: &Options) -> Result<f64> {
    let site = Site::row(cell.links, shape, &options.congestion())?;
    match &cell.carrier {
        Carrier::Plain => plain(&site, options).await,
        Carrier::Overlay(transport) => overlay(&site, transport, &cell.policy, options).await,
    }
}

async fn plain(site: &Site, options: &Options) -> Result<f64> {
    let (from, to) = site.ends()?;
    let (mut source, mut sink) = (Child::start_in(from)?, Child::start_in(to)?);
    let at = SocketAddr::new(site.end(), 0);
    let to = steady(&mut sink, SteadyCommand::CountPlain { at }).await?.address.parse()?;
    steady(&mut source, SteadyCommand::SendPlain { to }).await?;
    count(site, &mut sink, options).await
}

async fn overlay(site: &Site, transport: &str, policy: &str, options: &Options) -> Result<f64> {
    let (mut network, _control) = site.network(transport).await?;
    let measured = over(site, &mut network, policy, options).await;
    network.stop().await;
    measured
}

async fn over(site: &Site, network: &mut Network, policy: &str, options: &Options) -> Result<f64> {
    let last = network.nodes.len() - 1;
    network.await_path(0, last, policy).await?;
    let to = network.nodes[last].key;
    steady(network.nodes[last].child(), SteadyCommand::CountOverlay).await?;
    let send = SteadyCommand::SendOverlay { to, policy: policy.to_owned() };
    steady(network.nodes[0].child(), send).await?;
    count(site, network.nodes[last].child(), options).await
}

/// Waits for the stream to be steady, then counts.
async fn count(site: &Site, sink: &mut Child, options: &Options) -> Result<f64> {
    let span = options.span();
    sleep(span.warm_up).await;
    let overruns = site.overruns()?;
    let before = steady(sink, SteadyCommand::Count).await?;
    sleep(span.counted).await;
    let after = steady(sink, SteadyCommand::Count).await?;
    let overruns = site.overruns()? - overruns;
    anyhow::ensure!(overruns == 0, "the machine was too busy to carry {overruns} packets");
    Ok((after.bytes - before.bytes) as f64 * 8.0 / (after.seconds - before.seconds) / 1e6)
}

async fn steady(child: &mut Child, command: SteadyCommand) -> Result<Answer> {
    child.ask(&Command::Steady(command)).await
}
