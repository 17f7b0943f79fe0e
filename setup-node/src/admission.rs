//! How many route requests are under way, in all and per initiator.

use std::{collections::HashMap, sync::Arc};

use byway_base::{
    PublicKey,
    limits::{SETUPS_AT_ONCE, SETUPS_PER_INITIATOR},
};
use parking_lot::Mutex;

/// The largest numbers of route requests under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// In all; [`SETUPS_AT_ONCE`] by default.
    pub at_once: usize,
    /// Of one initiator; [`SETUPS_PER_INITIATOR`] by default.
    pub per_initiator: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { at_once: SETUPS_AT_ONCE, per_initiator: SETUPS_PER_INITIATOR }
    }
}

/// A bound was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("this setup node has as many route requests under way as it takes")]
    AtOnce,
    #[error("you have as many route requests under way as one initiator may")]
    Initiator,
}

/// Counts the route requests under way.
#[derive(Debug)]
pub(crate) struct Admission {
    bounds: Bounds,
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Debug, Default)]
struct UnderWay {
    all: usize,
    per_initiator: HashMap<PublicKey, usize>,
}

/// The right to have one route request under way; given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    initiator: PublicKey,
    under_way: Arc<Mutex<UnderWay>>,
}

impl Admission {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, under_way: Arc::default() }
    }

    /// One more of `initiator`, if the bounds allow.
    pub(crate) fn admit(&self, initiator: PublicKey) -> Result<Permit, Full> {
        let mut under_way = self.under_way.lock();
        if under_way.all >= self.bounds.at_once {
            return Err(Full::AtOnce);
        }
        let own = under_way.per_initiator.get(&initiator).copied().unwrap_or(0);
        if own >= self.bounds.per_initiator {
            return Err(Full::Initiator);
        }
        under_way.per_initiator.insert(initiator, own + 1);
        under_way.all += 1;
        Ok(Permit { initiator, under_way: Arc::clone(&self.under_way) })
    }

    /// How many are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.lock().all
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock();
        under_way.all -= 1;
        if let Some(own) = under_way.per_initiator.get_mut(&self.initiator) {
            *own -= 1;
            if *own == 0 {
                under_way.per_initiator.remove(&self.initiator);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    #[test]
    fn both_bounds_hold_and_a_dropped_permit_makes_room() {
        let admission = Admission::new(Bounds { at_once: 3, per_initiator: 2 });
        let [a, b, c] = [1, 2, 3].map(|seed| SecretKey::from_seed([seed; 32]).public());
        let first = admission.admit(a).unwrap();
        let _second = admission.admit(a).unwrap();
        assert_eq!(admission.admit(a).unwrap_err(), Full::Initiator);
        let _third = admission.admit(b).unwrap();
        assert_eq!(admission.admit(c).unwrap_err(), Full::AtOnce);
        drop(first);
        assert_eq!(admission.under_way(), 2);
        assert!(admission.admit(a).is_ok());
    }
}
