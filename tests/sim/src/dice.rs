//! The one source of randomness of a run.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};

/// A generator that gives the same numbers for the same seed on every machine and with every version of its crate: it is
/// chosen by name, and what is made of its numbers is made here.
#[derive(Debug, Clone)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// The dice of a seed.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Any number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; zero if `bound` is.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // Lemire's multiplication; the bias is below 2^-32 for every bound of a simulation.
        ((u128::from(self.roll()) * bound as u128) >> 64) as usize
    }

    /// True `permille` times of a thousand.
    pub(crate) fn chance(&mut self, permille: usize) -> bool {
        self.below(1000) < permille
    }

    /// A time from `least` to below `most`.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_nanos() as usize;
        least + Duration::from_nanos(self.below(span) as u64)
    }

    /// Sixteen bytes for an id.
    pub(crate) fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.0.fill_bytes(&mut id);
        id
    }

    /// Thirty-two bytes for a key.
    pub(crate) fn key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        self.0.fill_bytes(&mut key);
        key
    }
}
