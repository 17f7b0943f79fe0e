//! How much a node carries for others: caps on the rate of transit, for all of it and for what comes from one peer.
//!
//! A cap delays grants. The sender then finds its window used up and waits, so that nothing is dropped, nothing piles up
//! here, and the pace reaches the source hop by hop.

use std::time::Duration;

use byway_base::{
    Moment,
    limits::{CREDIT_WINDOW, FORWARDER_MEMORY},
};

/// What one node's data half may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwarderConfig {
    /// Bytes that all queues hold together. Default [`FORWARDER_MEMORY`].
    pub memory: usize,
    /// Whether the node carries routes between others. Default yes.
    pub transit: bool,
    /// Bytes per second that it carries for others in all; none is no cap.
    pub transit_rate: Option<u64>,
    /// Bytes per second that it carries for others from one peer; none is no cap.
    pub peer_rate: Option<u64>,
}

impl Default for ForwarderConfig {
    fn default() -> Self {
        Self { memory: FORWARDER_MEMORY, transit: true, transit_rate: None, peer_rate: None }
    }
}

/// A bucket of bytes that fills at a rate (token bucket, RFC 2697). A grant may overdraw it; the next ones then wait.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    rate: Option<u64>,
    /// Bytes in it; negative after an overdraft.
    level: i64,
    filled: Moment,
}

/// The bucket holds what its rate gives in this time, and a first window at least.
const DEPTH: Duration = Duration::from_millis(100);

impl Bucket {
    pub(crate) fn new(rate: Option<u64>, now: Moment) -> Self {
        let mut bucket = Self { rate, level: 0, filled: now };
        bucket.level = bucket.depth();
        bucket
    }

    fn depth(&self) -> i64 {
        let flow = self.rate.unwrap_or_default().saturating_mul(DEPTH.as_millis() as u64) / 1_000;
        i64::try_from(flow).unwrap_or(i64::MAX).max(CREDIT_WINDOW as i64)
    }

    fn fill(&mut self, now: Moment) {
        let Some(rate) = self.rate else { return };
        let came = u128::from(rate) * (now - self.filled).as_nanos() / 1_000_000_000;
        if came > 0 {
            self.level = self.level.saturating_add(i64::try_from(came).unwrap_or(i64::MAX)).min(self.depth());
            self.filled = now;
        }
    }

    /// Whether something may be taken now.
    pub(crate) fn is_open(&mut self, now: Moment) -> bool {
        self.fill(now);
        self.rate.is_none() || self.level > 0
    }

    pub(crate) fn take(&mut self, bytes: u32) {
        if self.rate.is_some() {
            self.level = self.level.saturating_sub(i64::from(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_long_time_a_bucket_gives_its_rate_and_its_depth_and_at_most_one_grant_more() {
        let mut bucket = Bucket::new(Some(1_000_000), Moment::ZERO);
        let mut taken = 0u64;
        for millisecond in 0..10_000 {
            let now = Moment::from_origin(Duration::from_millis(millisecond));
            while bucket.is_open(now) {
                bucket.take(30_000);
                taken += 30_000;
            }
        }
        let due = 10_000_000 + CREDIT_WINDOW as u64;
        assert!((due - 60_000..=due + 30_000).contains(&taken), "{taken}");
    }

    #[test]
    fn a_slow_bucket_that_is_often_looked_at_still_fills() {
        let mut bucket = Bucket::new(Some(10), Moment::ZERO);
        bucket.take(u32::try_from(CREDIT_WINDOW).unwrap() + 9);
        let opens = |at: &u64| bucket.is_open(Moment::from_origin(Duration::from_millis(*at)));
        assert_eq!((0..5_000).find(opens), Some(1_000));
    }

    #[test]
    fn without_a_rate_a_bucket_is_always_open() {
        let mut bucket = Bucket::new(None, Moment::ZERO);
        bucket.take(u32::MAX);
        assert!(bucket.is_open(Moment::ZERO));
    }
}
