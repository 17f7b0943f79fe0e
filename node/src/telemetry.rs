//! The node's counters as metrics.

use std::time::Duration;

use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use crate::{Node, VolumeView};

/// How often the metrics follow the counters.
const INTERVAL: Duration = Duration::from_secs(5);

/// Publishes until `stop`.
pub(crate) async fn publish(node: Node, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
        let counters = node.counters();
        counter!("byway_forwarded_packets_total").absolute(counters.forwarded_packets);
        counter!("byway_forwarded_bytes_total").absolute(counters.forwarded_bytes);
        counter!("byway_no_rule_total").absolute(counters.no_rule);
        counter!("byway_overruns_total").absolute(counters.overruns);
        counter!("byway_datagrams_dropped_total").absolute(counters.datagrams_dropped);
        counter!("byway_stray_control_total").absolute(counters.stray_control);
        counter!("byway_datagrams_refused_total").absolute(counters.datagrams_refused);
        counter!("byway_overloads_total").absolute(counters.overloads);
        counter!("byway_grants_delayed_total").absolute(counters.grants_delayed);
        counter!("byway_control_overflows_total").absolute(counters.control_overflows);
        counter!("byway_routes_idle_expired_total").absolute(counters.idle_expired);
        let setup = node.setup_counts();
        counter!("byway_setup_refused_untrusted_total").absolute(setup.refused_untrusted);
        counter!("byway_setup_refused_node_quota_total").absolute(setup.refused_node_quota);
        counter!("byway_setup_refused_setup_node_quota_total").absolute(setup.refused_setup_node_quota);
        counter!("byway_setup_refused_peer_quota_total").absolute(setup.refused_peer_quota);
        counter!("byway_setup_refused_initiator_quota_total").absolute(setup.refused_initiator_quota);
        counter!("byway_setup_refused_transit_total").absolute(setup.refused_transit);
        counter!("byway_setup_refused_otherwise_total").absolute(setup.refused_otherwise);
        gauge!("byway_transit").set(f64::from(u8::from(node.transit())));
        gauge!("byway_queued_bytes").set(node.queued() as f64);
        let limits = node.config().forwarding;
        gauge!("byway_queue_memory_bytes").set(limits.memory as f64);
        gauge!("byway_transit_rate_cap_bytes").set(cap(limits.rate));
        gauge!("byway_peer_rate_cap_bytes").set(cap(limits.rate_per_peer));
        if let Some(VolumeView { used, cap, .. }) = node.volume() {
            gauge!("byway_volume_used_bytes").set(used as f64);
            gauge!("byway_volume_left_bytes").set(cap.saturating_sub(used) as f64);
        }
        gauge!("byway_rules").set(node.rules() as f64);
        gauge!("byway_transports").set(node.transports().len() as f64);
        let sessions = node.sessions();
        let active = sessions.iter().flat_map(|session| &session.routes).map(|route| route.active);
        let (active, spare): (Vec<_>, Vec<_>) = active.partition(|active| *active);
        gauge!("byway_sessions").set(sessions.len() as f64);
        gauge!("byway_routes", "use" => "active").set(active.len() as f64);
        gauge!("byway_routes", "use" => "spare").set(spare.len() as f64);
    }
}

/// A cap as a gauge; none is infinite.
fn cap(rate: Option<u64>) -> f64 {
    rate.map_or(f64::INFINITY, |rate| rate as f64)
}
