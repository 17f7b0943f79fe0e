//! The switch's counters as metrics.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::relay::Relay;

/// How often metrics follow the counters. They are read every ten seconds or so.
const INTERVAL: Duration = Duration::from_secs(2);

/// Runs until it is dropped.
pub(crate) async fn run(relay: Arc<Relay>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (counters, queued) = relay.counters();
        metrics::gauge!("byway_messaging_clients").set(relay.clients() as f64);
        metrics::gauge!("byway_messaging_queued_bytes").set(queued as f64);
        metrics::counter!("byway_messaging_datagrams_total").absolute(counters.switched);
        metrics::counter!("byway_messaging_datagram_bytes_total").absolute(counters.switched_bytes);
        for (reason, count) in [
            ("queue", counters.dropped_queue),
            ("rate", counters.dropped_rate),
            ("gone", counters.dropped_gone),
            ("control", counters.dropped_control),
        ] {
            metrics::counter!("byway_messaging_dropped_total", "reason" => reason).absolute(count);
        }
    }
}
