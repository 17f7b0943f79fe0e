//! Pauses between attempts: exponential, with jitter.

use std::time::Duration;

use byway_base::limits::{REDIAL_MAX, REDIAL_MIN};

/// The pause before the next attempt, doubling from a smallest to a largest one.
///
/// Each pause is drawn evenly from the upper half of the current step, so that clients which lost the same server at
/// the same moment do not return at the same moment, and yet none returns at once. Draws no randomness of its own.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    step: Duration,
}

impl Backoff {
    /// Starts at `min` (at least one millisecond, so that doubling gets anywhere) and never exceeds `max`.
    #[must_use]
    pub fn new(min: Duration, max: Duration) -> Self {
        let min = min.max(Duration::from_millis(1));
        Self { min, max: max.max(min), step: min }
    }

    /// The pause before the next attempt; `random` is any 64 random bits. The step doubles afterwards.
    pub fn next(&mut self, random: u64) -> Duration {
        let step = self.step;
        self.step = step.saturating_mul(2).min(self.max);
        let half = step / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        // Multiplying and shifting spreads the draw evenly over the range without a division's bias.
        let jitter = (u128::from(nanos) * u128::from(random)) >> 64;
        step - half + Duration::from_nanos(u64::try_from(jitter).unwrap_or(nanos))
    }

    /// Starts over: an attempt succeeded.
    pub fn reset(&mut self) {
        self.step = self.min;
    }
}

impl Default for Backoff {
    /// From [`REDIAL_MIN`] to [`REDIAL_MAX`].
    fn default() -> Self {
        Self::new(REDIAL_MIN, REDIAL_MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_up_to_the_largest_and_start_over_after_a_success() {
        let mut backoff = Backoff::new(SECOND, 5 * SECOND);
        let longest: Vec<_> = (0..5).map(|_| backoff.next(u64::MAX).as_millis() + 1).collect();
        assert_eq!(longest, [1000, 2000, 4000, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next(0), SECOND / 2);
    }

    proptest! {
        #[test]
        fn a_pause_lies_in_the_upper_half_of_its_step(random: u64, min_ms in 0u64..10_000, max_ms in 0u64..100_000) {
            let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(max_ms));
            let mut backoff = Backoff::new(min, max);
            let mut step = min.max(Duration::from_millis(1));
            for _ in 0..40 {
                let pause = backoff.next(random);
                prop_assert!(pause >= step / 2 && pause <= step);
                step = (step * 2).min(max.max(min).max(Duration::from_millis(1)));
            }
        }

        #[test]
        fn no_range_makes_a_pause_overflow(random: u64, min: u64, max: u64) {
            let mut backoff = Backoff::new(Duration::from_secs(min), Duration::from_secs(max));
            for _ in 0..4 {
                let _ = backoff.next(random);
            }
        }
    }
}
