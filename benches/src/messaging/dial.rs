//! Connections and streams to peers by key, to whom there was no connection before.

use anyhow::Result;

use super::{
    Extent,
    server::{self, Clients, Discovery},
};
use crate::{
    role::client::{ClientCommand, ClientPlan},
    service::ServiceProcess,
    stats::percentile,
    target::Line,
};

pub(super) async fn measure(extent: Extent) -> Result<Vec<Line>> {
    let discovery = Discovery::start().await?;
    let server = server::start_listed(&discovery).await?;
    let with = dials(&server, Some(discovery.url()), extent).await;
    let without = dials(&server, None, extent).await;
    discovery.stop().await;
    let (with, without) = (with?, without?);
    let line = Line::new("stream to a peer by key, p50", "ms", percentile(&with.dials_ms, 0.5))
        .target(2.0, 0.8)
        .known("12.2", "–", "2 round trips")
        .beside("p99", percentile(&with.dials_ms, 0.99))
        .beside("p50 without a look-up of its record", percentile(&without.dials_ms, 0.5))
        .beside("2 relayed round trips", 2.0 * percentile(&with.pings_ms, 0.5));
    Ok(vec![line])
}

struct Times {
    dials_ms: Vec<f64>,
    pings_ms: Vec<f64>,
}

/// One client dials each of many.
async fn dials(server: &ServiceProcess, discovery: Option<String>, extent: Extent) -> Result<Times> {
    let plan = ClientPlan { servers: vec![server.place], quic: false, discovery, confined: false };
    let peers = Clients::start(plan.clone(), extent.dials + 1).await?;
    let mut source = Clients::start(plan, 1).await?;
    let ms = |times_us: Vec<f64>| times_us.into_iter().map(|us| us / 1e3).collect();
    // Also the first dial, in which much is paid once.
    let ping = ClientCommand::Ping { to: peers.key()?, count: extent.pings };
    let pings_ms = ms(source.ask(ping).await?.times_us);
    let to = peers.keys.iter().skip(1).copied().collect();
    let dials_ms = ms(source.ask(ClientCommand::Dial { to }).await?.times_us);
    Ok(Times { dials_ms, pings_ms })
}
