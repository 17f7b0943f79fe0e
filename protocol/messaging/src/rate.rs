//! Token buckets, for limits that are configured as a rate.

use std::time::Duration;

use byway_base::Moment;

use crate::Recent;

/// How much may pass, on average and at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Bytes per second in the long run.
    pub bytes_per_second: u64,
    /// Bytes that may pass at once after a pause.
    pub burst: u64,
}

impl Rate {
    /// A rate whose burst is one second's worth.
    #[must_use]
    pub const fn per_second(bytes: u64) -> Self {
        Self { bytes_per_second: bytes, burst: bytes }
    }
}

/// Lets bytes pass at a [`Rate`], or all of them.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    rate: Option<Rate>,
    tokens: u64,
    filled: Moment,
}

impl TokenBucket {
    /// A full bucket; without a rate everything passes.
    #[must_use]
    pub fn new(rate: Option<Rate>, now: Moment) -> Self {
        Self { rate, tokens: rate.map_or(0, |rate| rate.burst), filled: now }
    }

    /// Whether `bytes` pass at the time `now`; if so they are taken out.
    pub fn take(&mut self, bytes: u64, now: Moment) -> bool {
        let Some(rate) = self.rate else { return true };
        self.fill(rate, now);
        match self.tokens.checked_sub(bytes) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }

    fn fill(&mut self, rate: Rate, now: Moment) {
        let elapsed = now - self.filled;
        let earned =
            u128::from(rate.bytes_per_second) * elapsed.as_nanos() / Duration::from_secs(1).as_nanos();
        // Time that earned no whole byte stays uncounted, or a busy bucket would never fill.
        if earned > 0 {
            let earned = u64::try_from(earned).unwrap_or(u64::MAX);
            self.tokens = self.tokens.saturating_add(earned).min(rate.burst);
            self.filled = now;
        }
    }
}

/// One bucket per source, and one for all sources together, in bounded memory.
#[derive(Debug)]
pub struct SourceRates<K> {
    each: Rate,
    all: TokenBucket,
    buckets: Recent<K, TokenBucket>,
}

impl<K: Ord + Copy> SourceRates<K> {
    /// Full buckets. At most `sources` are remembered, those in use before others.
    #[must_use]
    pub fn new(each: Rate, all: Rate, sources: usize, now: Moment) -> Self {
        Self { each, all: TokenBucket::new(Some(all), now), buckets: Recent::new(sources) }
    }

    /// Whether `bytes` pass for `source` at the time `now`; if so they are taken out.
    pub fn take(&mut self, source: K, bytes: u64, now: Moment) -> bool {
        let each = self.each;
        let bucket = self.buckets.get_or_insert_with(source, || TokenBucket::new(Some(each), now));
        bucket.take(bytes, now) && self.all.take(bytes, now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_origin(Duration::from_millis(millis))
    }

    #[test]
    fn a_bucket_without_a_rate_lets_everything_pass() {
        assert!(TokenBucket::new(None, at(0)).take(u64::MAX, at(0)));
    }

    #[test]
    fn after_the_burst_bytes_pass_at_the_rate() {
        let mut bucket = TokenBucket::new(Some(Rate { bytes_per_second: 1_000, burst: 100 }), at(0));
        assert!(bucket.take(100, at(0)));
        assert!(!bucket.take(1, at(0)));
        assert!(bucket.take(50, at(50)));
        assert!(!bucket.take(1, at(50)));
        assert!(bucket.take(100, at(10_000)) && !bucket.take(1, at(10_000)));
    }

    #[test]
    fn a_source_beyond_its_rate_takes_nothing_from_others_and_all_together_have_one_too() {
        let mut rates = SourceRates::new(Rate::per_second(100), Rate::per_second(250), 8, at(0));
        assert!((0..10).filter(|_| rates.take(1, 50, at(0))).count() == 2);
        assert!(rates.take(2, 100, at(0)));
        assert!(!rates.take(3, 100, at(0)), "no more than 250 in all");
        assert!(rates.take(1, 100, at(1_000)) && rates.take(3, 100, at(1_000)));
    }

    proptest! {
        #[test]
        fn never_does_more_pass_than_burst_and_rate_allow(
            steps in prop::collection::vec((0u64..5_000, 0u64..3_000), 1..200),
            rate in 1u64..100_000,
            burst in 1u64..100_000,
        ) {
            let mut bucket = TokenBucket::new(Some(Rate { bytes_per_second: rate, burst }), at(0));
            let (mut time, mut passed) = (0, 0);
            for (pause, bytes) in steps {
                time += pause;
                if bucket.take(bytes, at(time)) {
                    passed += bytes;
                }
                prop_assert!(passed <= burst + rate * time / 1_000);
            }
        }
    }
}
