//! Least throughput in use at the busiest hop.

use byway_base::limits::HOPS_MAX;

use super::{Metric, Metrics};

/// Throughput in use falls into eight levels, each four times the one before. A level costs more than a whole path of
/// the level below, so that summed costs compare the busiest hop first, then how many hops are as busy, and so on.
pub(super) struct Throughput;

/// Where levels 1 to 7 begin, bits per second.
const LEVELS_BPS: [u64; 7] =
    [1_000_000, 4_000_000, 16_000_000, 64_000_000, 256_000_000, 1_000_000_000, 4_000_000_000];

/// What each level costs relative to the one below.
const STEP: u64 = HOPS_MAX as u64 + 1;

/// What each level costs.
const COSTS: [u64; LEVELS_BPS.len() + 1] = {
    let mut costs = [1; LEVELS_BPS.len() + 1];
    let mut level = 1;
    while level < costs.len() {
        costs[level] = costs[level - 1] * STEP;
        level += 1;
    }
    assert!(costs[LEVELS_BPS.len()] <= u32::MAX as u64);
    costs
};

impl Metric for Throughput {
    fn cost(&self, metrics: &Metrics) -> u64 {
        COSTS[LEVELS_BPS.partition_point(|begin| *begin <= metrics.throughput_bps)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(throughput_bps: u64) -> u64 {
        Throughput.cost(&Metrics { throughput_bps, ..Metrics::default() })
    }

    #[test]
    fn the_longest_path_of_calmer_hops_beats_one_busier_hop() {
        for pair in LEVELS_BPS.windows(2) {
            assert!(HOPS_MAX as u64 * cost(pair[0]) < cost(pair[1]));
        }
        assert!(HOPS_MAX as u64 * cost(0) < cost(LEVELS_BPS[0]));
    }
}
