//! Which signed requests were seen: each is accepted once.

use std::collections::{BTreeMap, HashMap, HashSet};

use byway_base::{
    PublicKey, UnixTime,
    limits::{CLOCK_SKEW, NONCES, NONCES_PER_KEY, SIGNATURE_TTL},
};
use sha2::{Digest, Sha256};

/// How long before now a signed request may have been created and still be accepted.
const WINDOW_SECS: u64 = SIGNATURE_TTL.as_secs() + CLOCK_SKEW.as_secs();

/// The nonces of accepted requests, for as long as such a request could be accepted once more.
///
/// Memory is bounded without ever forgetting a nonce that still counts: when a key, or all together, reach their bound,
/// the oldest second goes, and from then on nothing created in or before it is accepted.
#[derive(Debug)]
pub struct Nonces {
    per_key_max: usize,
    max: usize,
    /// By the second of creation, so that whole seconds can be dropped.
    seconds: BTreeMap<u64, HashMap<PublicKey, HashSet<[u8; 16]>>>,
    /// Bounds per key; only for look-up.
    keys: HashMap<PublicKey, Window>,
    count: usize,
    /// Nothing created before this second is accepted from anyone.
    floor: u64,
}

/// What is known of one key.
#[derive(Debug, Default)]
struct Window {
    count: usize,
    /// Nothing created before this second is accepted from this key.
    floor: u64,
}

/// Why a nonce was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// It was seen, or is so old that it may have been.
    #[error("the request was seen before, or is older than what is remembered")]
    Replayed,
    /// The key signed more requests within one second than are remembered.
    #[error("too many requests were signed within one second")]
    Full,
}

impl Default for Nonces {
    fn default() -> Self {
        Self::new(NONCES_PER_KEY, NONCES, UnixTime(0))
    }
}

impl Nonces {
    /// Remembers at most `per_key_max` nonces of one key and `max` in all. Nothing created before `floor` is accepted.
    #[must_use]
    pub fn new(per_key_max: usize, max: usize, floor: UnixTime) -> Self {
        let (seconds, keys) = (BTreeMap::new(), HashMap::new());
        Self { per_key_max, max, seconds, keys, count: 0, floor: floor.0 }
    }

    /// How many nonces are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no nonce is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Accepts a nonce that `key` signed at `created`, once; answers what tells it from others of that second. Call it only after the signature was verified, or anyone
    /// could use up another's nonces.
    ///
    /// # Errors
    /// [`NonceError::Replayed`] if it may have been seen, [`NonceError::Full`] if it cannot be remembered.
    pub fn accept(
        &mut self,
        key: PublicKey,
        nonce: &str,
        created: UnixTime,
        now: UnixTime,
    ) -> Result<u64, NonceError> {
        self.forget_before(now.0.saturating_sub(WINDOW_SECS));
        let created = created.0;
        let floor = self.keys.get(&key).map_or(0, |window| window.floor).max(self.floor);
        let digest: [u8; 32] = Sha256::digest(nonce).into();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        let seen =
            self.seconds.get(&created).and_then(|keys| keys.get(&key)).is_some_and(|n| n.contains(&short));
        if created < floor || seen {
            return Err(NonceError::Replayed);
        }
        self.make_room(&key, created)?;
        self.seconds.entry(created).or_default().entry(key).or_default().insert(short);
        self.keys.entry(key).or_default().count += 1;
        self.count += 1;
        let mut mark = [0; 8];
        mark.copy_from_slice(&short[..8]);
        Ok(u64::from_be_bytes(mark))
    }

    fn make_room(&mut self, key: &PublicKey, created: u64) -> Result<(), NonceError> {
        if self.keys.get(key).is_some_and(|window| window.count >= self.per_key_max) {
            let oldest =
                self.seconds.iter().find(|(_, keys)| keys.contains_key(key)).map(|(second, _)| *second);
            let oldest = oldest.filter(|second| *second < created).ok_or(NonceError::Full)?;
            let keys = self.seconds.entry(oldest).or_default();
            let dropped = keys.remove(key).unwrap_or_default().len();
            if keys.is_empty() {
                self.seconds.remove(&oldest);
            }
            self.count -= dropped;
            if let Some(window) = self.keys.get_mut(key) {
                window.count -= dropped;
                window.floor = oldest + 1;
            }
        }
        if self.count >= self.max {
            let oldest = self.seconds.keys().next().copied().unwrap_or(created);
            if oldest >= created {
                return Err(NonceError::Full);
            }
            self.forget_before(oldest + 1);
        }
        Ok(())
    }

    fn forget_before(&mut self, second: u64) {
        self.floor = self.floor.max(second);
        while let Some(entry) = self.seconds.first_entry().filter(|entry| *entry.key() < second) {
            for (key, nonces) in entry.remove() {
                self.count -= nonces.len();
                if let Some(window) = self.keys.get_mut(&key) {
                    window.count -= nonces.len();
                    // Every nonce that was left is younger than the key's floor, so the common one is now above it.
                    if window.count == 0 {
                        self.keys.remove(&key);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use byway_base::SecretKey;
    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> PublicKey {
        SecretKey::from_seed([n; 32]).public()
    }

    const NOW: UnixTime = UnixTime(1_000_000);

    #[test]
    fn a_nonce_is_accepted_once_per_key() {
        let mut nonces = Nonces::default();
        assert!(nonces.accept(key(1), "a", NOW, NOW).is_ok());
        assert_eq!(nonces.accept(key(1), "a", NOW, NOW), Err(NonceError::Replayed));
        assert!(nonces.accept(key(2), "a", NOW, NOW).is_ok());
    }

    #[test]
    fn nonces_are_forgotten_when_their_requests_can_no_longer_be_accepted() {
        let mut nonces = Nonces::default();
        nonces.accept(key(1), "a", NOW, NOW).unwrap();
        let later = UnixTime(NOW.0 + WINDOW_SECS + 1);
        nonces.accept(key(2), "b", later, later).unwrap();
        assert_eq!((nonces.len(), nonces.keys.len()), (1, 1));
        assert_eq!(nonces.accept(key(1), "a", NOW, later), Err(NonceError::Replayed));
    }

    #[test]
    fn a_key_at_its_bound_loses_its_oldest_second_and_nobody_else_notices() {
        let mut nonces = Nonces::new(2, 100, UnixTime(0));
        let at = |n| UnixTime(NOW.0 + n);
        nonces.accept(key(1), "a", at(0), NOW).unwrap();
        nonces.accept(key(1), "b", at(1), NOW).unwrap();
        nonces.accept(key(1), "c", at(1), NOW).unwrap();
        assert_eq!(nonces.accept(key(1), "a", at(0), NOW), Err(NonceError::Replayed));
        assert_eq!(nonces.accept(key(1), "d", at(1), NOW), Err(NonceError::Full));
        assert!(nonces.accept(key(2), "a", at(0), NOW).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_arrives_nothing_is_accepted_twice_and_memory_stays_bounded(
            requests in prop::collection::vec((0u8..4, 0u8..6, 0u64..400, 0u64..3), 1..300),
        ) {
            let keys: Vec<_> = (0..4).map(key).collect();
            let mut nonces = Nonces::new(5, 12, UnixTime(0));
            let (mut accepted, mut now) = (BTreeSet::new(), NOW.0);
            for (key, nonce, age, step) in requests {
                now += step * 100;
                let created = UnixTime(now + CLOCK_SKEW.as_secs() - age);
                if nonces.accept(keys[usize::from(key)], &nonce.to_string(), created, UnixTime(now)).is_ok() {
                    prop_assert!(accepted.insert((key, nonce, created)));
                }
                prop_assert!(nonces.len() <= 12);
                let count: usize = nonces.keys.values().map(|window| window.count).sum();
                prop_assert_eq!(count, nonces.len());
                prop_assert!(nonces.keys.values().all(|window| window.count <= 5));
            }
        }
    }
}
