//! What a hop costs. One trait, one file per metric, one table keyed by the preference of a policy.
//!
//! Costs add up along a path, lowest wins, and every hop costs at least 1: so a detour through a loop never pays, and
//! of two paths that a metric cannot tell apart the shorter one wins.

mod balanced;
mod hops;
mod latency;
mod loss;
mod throughput;

use byway_base::policy::Preference;

/// What is known of a transport, the worse of what its two edges report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metrics {
    /// Round-trip time, microseconds. 0 means not measured yet.
    pub rtt_us: u32,
    /// Loss, parts per million.
    pub loss_ppm: u32,
    /// Throughput in use, bits per second.
    pub throughput_bps: u64,
}

/// Round-trip time that a transport counts with until it is measured: slow enough not to beat a measured one, fast
/// enough to be tried.
const RTT_UNMEASURED_US: u32 = 100_000;

impl Metrics {
    /// The round-trip time to rank by, microseconds.
    fn rtt_ranked_us(&self) -> u64 {
        u64::from(if self.rtt_us == 0 { RTT_UNMEASURED_US } else { self.rtt_us })
    }
}

/// One way to rank paths.
pub trait Metric: Sync {
    /// The cost of crossing a transport; [`hop_cost`] clamps it to 1 ..= `u32::MAX`.
    fn cost(&self, metrics: &Metrics) -> u64;
}

/// The metric of each preference.
const METRICS: [(Preference, &dyn Metric); 5] = [
    (Preference::Balanced, &balanced::Balanced),
    (Preference::Latency, &latency::Latency),
    (Preference::Hops, &hops::Hops),
    (Preference::Throughput, &throughput::Throughput),
    (Preference::Loss, &loss::Loss),
];

/// How many metrics there are.
pub(crate) const COUNT: usize = METRICS.len();

/// Position of a preference's metric in the table.
pub(crate) fn position(preference: Preference) -> usize {
    METRICS
        .iter()
        .position(|(named, _)| *named == preference)
        .expect("the table has a row for every preference")
}

/// The metric that a preference ranks by.
#[must_use]
pub fn metric(preference: Preference) -> &'static dyn Metric {
    METRICS[position(preference)].1
}

/// The cost of one hop as searches use it: clamped to 1 ..= `u32::MAX`, so that the sum over a path cannot overflow.
#[must_use]
pub fn hop_cost(metric: &dyn Metric, metrics: &Metrics) -> u32 {
    u32::try_from(metric.cost(metrics)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preference_has_its_row() {
        for (preference, _) in Preference::ALL {
            assert_eq!(METRICS[position(*preference)].0, *preference);
        }
        assert_eq!(COUNT, Preference::ALL.len());
    }

    #[test]
    fn every_hop_costs_something_even_at_the_extremes() {
        let worst = Metrics { rtt_us: u32::MAX, loss_ppm: u32::MAX, throughput_bps: u64::MAX };
        for (preference, _) in Preference::ALL {
            let metric = metric(*preference);
            assert!(hop_cost(metric, &Metrics::default()) >= 1);
            assert!(
                hop_cost(metric, &worst) >= hop_cost(metric, &Metrics { rtt_us: 1, ..Metrics::default() })
            );
        }
    }
}
