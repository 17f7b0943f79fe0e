//! A bounded table that forgets what was not used lately.

use std::collections::BTreeMap;

/// A map of at most a given number of entries in which those in use survive.
///
/// It keeps two halves. Whatever is used moves to the younger half; when that is full it becomes the older one, and what
/// nobody used meanwhile is dropped. So each use costs two look-ups at most, however hostile the order of keys.
#[derive(Debug)]
pub struct Recent<K, V> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
    half: usize,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    /// A table of at most `capacity` entries, at least two.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new(), half: (capacity / 2).max(1) }
    }

    /// The entry of `key`, which counts as used.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.make_young(*key, value);
        }
        self.young.get_mut(key)
    }

    /// The entry of `key`, made if it is missing; it counts as used.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_else(make);
            self.make_young(key, value);
        }
        self.young.get_mut(&key).expect("it was there or was just put there")
    }

    /// Every entry, in no order that means anything; none counts as used.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.young.iter().chain(self.old.iter())
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.young.iter_mut().chain(self.old.iter_mut())
    }

    fn make_young(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_in_use_survive_any_number_of_others(others in prop::collection::vec(1u32.., 0..500)) {
            let mut table = Recent::new(20);
            table.get_or_insert_with(0, || "kept");
            for other in others {
                table.get_or_insert_with(other, || "other");
                prop_assert_eq!(table.get_mut(&0).copied(), Some("kept"));
                prop_assert!(table.values_mut().count() <= 20);
            }
        }
    }

    #[test]
    fn an_entry_that_nobody_uses_is_forgotten() {
        let mut table = Recent::new(4);
        for n in 0..10 {
            table.get_or_insert_with(n, || ());
        }
        assert!(table.get_mut(&0).is_none() && table.get_mut(&9).is_some());
    }
}
