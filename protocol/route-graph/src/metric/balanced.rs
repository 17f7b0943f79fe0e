//! The default: latency first, with loss, use and hops as surcharges.

use super::{Metric, Metrics};

/// Microseconds: the round-trip time, 1 ms for the hop itself, 10 µs for each lost packet in a million (1 % weighs like
/// 100 ms), and 10 ms for each Gbit/s in use.
pub(super) struct Balanced;

const HOP_US: u64 = 1_000;
const LOST_PPM_US: u64 = 10;
const IN_USE_BPS_PER_US: u64 = 100_000;

impl Metric for Balanced {
    fn cost(&self, metrics: &Metrics) -> u64 {
        HOP_US
            + metrics.rtt_ranked_us()
            + u64::from(metrics.loss_ppm) * LOST_PPM_US
            + metrics.throughput_bps / IN_USE_BPS_PER_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_latency_is_preferred_to_loss_or_to_a_busy_transport() {
        let cost =
            |rtt_us, loss_ppm, throughput_bps| Balanced.cost(&Metrics { rtt_us, loss_ppm, throughput_bps });
        assert!(cost(30_000, 0, 0) < cost(20_000, 5_000, 0));
        assert!(cost(25_000, 0, 0) < cost(20_000, 0, 2_000_000_000));
        assert!(cost(20_000, 0, 0) < 2 * cost(10_000, 0, 0));
    }
}
