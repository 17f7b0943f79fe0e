//! Least round-trip time.

use super::{Metric, Metrics};

/// Microseconds of round-trip time.
pub(super) struct Latency;

impl Metric for Latency {
    fn cost(&self, metrics: &Metrics) -> u64 {
        metrics.rtt_ranked_us()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmeasured_transport_does_not_pass_for_a_fast_one() {
        let measured = Metrics { rtt_us: 40_000, ..Metrics::default() };
        assert!(Latency.cost(&Metrics::default()) > Latency.cost(&measured));
    }
}
