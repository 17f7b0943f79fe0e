//! How long packets took from the sender's forwarder to the reader.

use std::time::Duration;

/// Delivery times. Virtual, hence exact.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The time within which `permille` of a thousand packets were delivered; zero if there was none.
    pub(crate) fn quantile(&self, permille: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * permille).div_ceil(1000).saturating_sub(1);
        sorted.get(rank).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_that_so_many_packets_kept() {
        let mut times = Times::default();
        (1..=200).rev().for_each(|ms| times.add(Duration::from_millis(ms)));
        assert_eq!(times.quantile(990), Duration::from_millis(198));
        assert_eq!(times.quantile(500), Duration::from_millis(100));
        assert_eq!(Times::default().quantile(990), Duration::ZERO);
    }
}
