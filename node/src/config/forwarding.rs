//! What a node may spend on others.

use byway_base::{
    Problem,
    limits::{FORWARDER_MEMORY, ROUTES_PER_INITIATOR, ROUTES_PER_PEER},
};
use byway_routing::ForwarderConfig;
use byway_setup::Quotas;

use super::wrong;
use crate::volume::{Period, VolumeCap};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// Least memory for queues, MiB: some dozen windows of [`byway_base::limits::CREDIT_WINDOW`].
const MEMORY_LEAST_MIB: u64 = 8;

byway_service_kit::settings! {
    /// The section `[forwarding]`: what the node may spend on forwarding. `transit` says whether it forwards for others
    /// at all.
    pub struct RawForwarding {
        /// MiB that all queues hold together; at least 8.
        pub memory_mib: u64 = (FORWARDER_MEMORY / (1024 * 1024)) as u64;
        /// KiB per second that the node carries for others in all; 0 for as much as there is.
        pub rate_kib: u64 = 0;
        /// KiB per second that it carries for others from one neighbour; 0 for no cap.
        pub rate_per_peer_kib: u64 = 0;
        /// MiB that it carries for others in one period, then it ceases until the next; 0 for no cap.
        pub volume_mib: u64 = 0;
        /// The period of `volume_mib`, in UTC: "day" or "month".
        pub volume_period: String = "month".to_owned();
        /// Routes of others that come from one neighbour, at most.
        pub routes_per_peer: u32 = ROUTES_PER_PEER as u32;
        /// Routes of one source, at most. A source that uses several setup nodes has as many under each.
        pub routes_per_initiator: u32 = ROUTES_PER_INITIATOR as u32;
    }
}

/// What a node may spend on forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardingLimits {
    /// Bytes that all queues hold together.
    pub memory: usize,
    /// Bytes per second that the node carries for others in all; none is no cap.
    pub rate: Option<u64>,
    /// Bytes per second that it carries for others from one neighbour; none is no cap.
    pub rate_per_peer: Option<u64>,
    /// What it carries for others in one period; none is no cap.
    pub volume: Option<VolumeCap>,
}

impl Default for ForwardingLimits {
    fn default() -> Self {
        Self { memory: FORWARDER_MEMORY, rate: None, rate_per_peer: None, volume: None }
    }
}

impl ForwardingLimits {
    /// The part of it that the data half keeps.
    pub(crate) const fn for_forwarder(&self, transit: bool) -> ForwarderConfig {
        let Self { memory, rate, rate_per_peer, .. } = *self;
        ForwarderConfig { memory, transit, transit_rate: rate, peer_rate: rate_per_peer }
    }
}

/// The limits, and the quotas of routes.
pub(super) fn check(raw: &RawForwarding) -> Result<(ForwardingLimits, Quotas), Problem> {
    if raw.memory_mib < MEMORY_LEAST_MIB {
        let why = format!("it is {}, and must be at least {MEMORY_LEAST_MIB}", raw.memory_mib);
        return Err(wrong("forwarding.memory_mib", why));
    }
    let memory = usize::try_from(raw.memory_mib.saturating_mul(MIB)).unwrap_or(usize::MAX);
    let period: Period =
        raw.volume_period.parse().map_err(|why: String| wrong("forwarding.volume_period", why))?;
    let some = |count: u64, unit: u64| (count > 0).then(|| count.saturating_mul(unit));
    let limits = ForwardingLimits {
        memory,
        rate: some(raw.rate_kib, KIB),
        rate_per_peer: some(raw.rate_per_peer_kib, KIB),
        volume: some(raw.volume_mib, MIB).map(|bytes| VolumeCap { bytes, period }),
    };
    let quota = |key: &str, routes: u32| {
        let why = "0 would refuse every route; `transit = false` is the way to forward for nobody";
        if routes == 0 { Err(wrong(key, why)) } else { Ok(routes as usize) }
    };
    let quotas = Quotas {
        routes_per_peer: quota("forwarding.routes_per_peer", raw.routes_per_peer)?,
        routes_per_initiator: quota("forwarding.routes_per_initiator", raw.routes_per_initiator)?,
        ..Quotas::default()
    };
    Ok((limits, quotas))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_bytes_and_nothing_set_means_the_defaults() {
        assert_eq!(check(&RawForwarding::default()), Ok((ForwardingLimits::default(), Quotas::default())));
        let raw = RawForwarding {
            memory_mib: 64,
            rate_kib: 2,
            rate_per_peer_kib: 1,
            volume_mib: 3,
            volume_period: "day".to_owned(),
            routes_per_peer: 5,
            routes_per_initiator: 4,
        };
        let (limits, quotas) = check(&raw).unwrap();
        let volume = Some(VolumeCap { bytes: 3 * 1_048_576, period: Period::Day });
        let expected = ForwardingLimits {
            memory: 64 * 1_048_576,
            rate: Some(2_048),
            rate_per_peer: Some(1_024),
            volume,
        };
        assert_eq!((limits, quotas.routes_per_peer, quotas.routes_per_initiator), (expected, 5, 4));
    }
}
