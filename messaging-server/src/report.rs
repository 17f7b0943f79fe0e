//! What happens, as metrics and log lines.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use byway_base::PublicKey;
use tokio::{
    task::JoinError,
    time::{MissedTickBehavior, interval},
};

use crate::{connection::End, relay::Relay};

/// How often metrics follow the counters. They are read every ten seconds or so.
const INTERVAL: Duration = Duration::from_secs(2);

/// Keeps the metrics of the switch up to date. Runs until it is dropped.
pub(crate) async fn run(relay: Arc<Relay>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (counters, load) = (relay.counters(), relay.load());
        metrics::gauge!("byway_messaging_clients").set(load.clients as f64);
        metrics::gauge!("byway_messaging_links", "direction" => "dialled").set(load.links.0 as f64);
        metrics::gauge!("byway_messaging_links", "direction" => "accepted").set(load.links.1 as f64);
        metrics::gauge!("byway_messaging_queued_bytes").set(load.queued as f64);
        for (way, datagrams, bytes) in [
            ("switched", counters.switched, counters.switched_bytes),
            ("carried", counters.carried, counters.carried_bytes),
            ("delivered", counters.delivered, counters.delivered_bytes),
        ] {
            metrics::counter!("byway_messaging_datagrams_total", "way" => way).absolute(datagrams);
            metrics::counter!("byway_messaging_datagram_bytes_total", "way" => way).absolute(bytes);
        }
        for (reason, count) in [
            ("queue", counters.dropped_queue),
            ("rate", counters.dropped_rate),
            ("gone", counters.dropped_gone),
            ("link", counters.dropped_link),
            ("control", counters.dropped_control),
        ] {
            metrics::counter!("byway_messaging_dropped_total", "reason" => reason).absolute(count);
        }
    }
}

/// A connection began; `kind` is what it carries and whence.
pub(crate) fn began(kind: &'static str) {
    metrics::counter!("byway_messaging_connections_total", "kind" => kind).increment(1);
}

/// A connection ended.
pub(crate) fn ended(kind: &'static str, peer: PublicKey, address: SocketAddr, end: &End) {
    let reason = end.reason();
    metrics::counter!("byway_messaging_connections_ended_total", "kind" => kind, "reason" => reason)
        .increment(1);
    tracing::debug!(kind, ?peer, %address, %end, "connection ended");
}

/// A task ended; panics are ours.
pub(crate) fn failed_task(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && !error.is_cancelled()
    {
        tracing::error!(%error, "a connection's task failed");
    }
}
