//! How many of the connections that peers opened are served at once.

use std::{collections::BTreeMap, fmt, sync::Arc};

use byway_base::PublicKey;
use parking_lot::Mutex;

/// The places for connections of one protocol: of so many peers, and so many of each. Whoever serves connections gives each
/// a [`Place`] and closes those for which there is none. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Places {
    peers: usize,
    per_peer: usize,
    held: Arc<Mutex<BTreeMap<PublicKey, usize>>>,
}

/// The right to have a connection served; given back on drop.
pub struct Place {
    peer: PublicKey,
    held: Arc<Mutex<BTreeMap<PublicKey, usize>>>,
}

impl Places {
    /// So many peers, and so many connections for each of them.
    #[must_use]
    pub fn new(peers: usize, per_peer: usize) -> Self {
        Self { peers, per_peer, held: Arc::default() }
    }

    /// A place for one more connection of `peer`, if there is one.
    #[must_use]
    pub fn take(&self, peer: PublicKey) -> Option<Place> {
        let mut held = self.held.lock();
        let peers = held.len();
        match held.get_mut(&peer) {
            Some(own) if *own >= self.per_peer => return None,
            Some(own) => *own += 1,
            None if peers >= self.peers => return None,
            None => {
                held.insert(peer, 1);
            }
        }
        Some(Place { peer, held: self.held.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(own) = held.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.peer).finish()
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    #[test]
    fn both_bounds_hold_and_a_place_given_back_is_free() {
        let [a, b, c] = [1, 2, 3].map(|seed| SecretKey::from_seed([seed; 32]).public());
        let places = Places::new(2, 2);
        let first = places.take(a).unwrap();
        let _second = places.take(a).unwrap();
        assert!(places.take(a).is_none());
        let other = places.take(b).unwrap();
        assert!(places.take(c).is_none());
        drop(first);
        assert!(places.take(a).is_some());
        drop(other);
        assert!(places.take(c).is_some());
        assert_eq!(places.held.lock().len(), 1);
    }
}
