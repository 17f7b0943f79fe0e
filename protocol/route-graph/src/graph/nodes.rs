//! Nodes by public key, each in a slot that is reused when its last transport and flag are gone.

use std::sync::Arc;

use byway_base::{PublicKey, limits::GRAPH_NODES};
use hashbrown::HashTable;

use super::GraphError;

/// All nodes. A slot is a small number by which transports name their edges.
///
/// The look-up holds slots only, and is keyed by the graph's seed because members can grind keys.
#[derive(Default)]
pub(super) struct Nodes {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_key: HashTable<u32>,
    seed: u64,
    ranking: Ranking,
    /// Nodes came or went since they were ranked.
    stale: bool,
}

struct Slot {
    key: PublicKey,
    transports: u32,
    no_transit: bool,
}

/// All nodes by ascending key: the order that makes the compact form independent of history.
#[derive(Default, Clone)]
pub(crate) struct Ranking {
    pub(crate) slots: Arc<Vec<u32>>,
    pub(crate) keys: Arc<Vec<PublicKey>>,
}

impl Nodes {
    pub(super) fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn get(&self, key: &PublicKey) -> Option<u32> {
        self.by_key.find(keyed_hash(self.seed, key), |slot| self.key(*slot) == *key).copied()
    }

    pub(super) fn key(&self, slot: u32) -> PublicKey {
        self.slots[slot as usize].key
    }

    pub(super) fn refuses_transit(&self, slot: u32) -> bool {
        self.slots[slot as usize].no_transit
    }

    pub(super) fn check_room(&self, wanted: usize) -> Result<(), GraphError> {
        let full = self.len() + wanted > GRAPH_NODES;
        if full { Err(GraphError::Full { what: "nodes", limit: GRAPH_NODES }) } else { Ok(()) }
    }

    /// Counts one more transport at a node, which is added if need be.
    pub(super) fn attach(&mut self, key: PublicKey) -> u32 {
        let slot = self.slot(key);
        self.slots[slot as usize].transports += 1;
        slot
    }

    /// Counts one transport less at a node, which is forgotten if nothing holds it any more.
    pub(super) fn detach(&mut self, slot: u32) {
        self.slots[slot as usize].transports -= 1;
        self.forget_if_idle(slot);
    }

    /// Whether the flag changed.
    pub(super) fn set_no_transit(&mut self, key: PublicKey, no_transit: bool) -> bool {
        let known = self.get(&key).is_some_and(|slot| self.slots[slot as usize].no_transit);
        if known == no_transit {
            return false;
        }
        let slot = self.slot(key);
        self.slots[slot as usize].no_transit = no_transit;
        self.forget_if_idle(slot);
        true
    }

    /// All nodes by ascending key. The same lists as before while no node came or went.
    pub(super) fn ranking(&mut self) -> Ranking {
        if std::mem::take(&mut self.stale) {
            let mut ranked: Vec<(PublicKey, u32)> =
                self.by_key.iter().map(|slot| (self.key(*slot), *slot)).collect();
            ranked.sort_unstable();
            self.ranking = Ranking {
                slots: Arc::new(ranked.iter().map(|(_, slot)| *slot).collect()),
                keys: Arc::new(ranked.iter().map(|(key, _)| *key).collect()),
            };
        }
        self.ranking.clone()
    }

    fn slot(&mut self, key: PublicKey) -> u32 {
        if let Some(slot) = self.get(&key) {
            return slot;
        }
        let fresh = Slot { key, transports: 0, no_transit: false };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = fresh;
                slot
            }
            None => {
                self.slots.push(fresh);
                u32::try_from(self.slots.len() - 1).expect("the limit on nodes is below 2^32")
            }
        };
        let (slots, seed) = (&self.slots, self.seed);
        let hash = |slot: &u32| keyed_hash(seed, &slots[*slot as usize].key);
        self.by_key.insert_unique(hash(&slot), slot, hash);
        self.stale = true;
        slot
    }

    fn forget_if_idle(&mut self, slot: u32) {
        let Slot { key, transports, no_transit } = self.slots[slot as usize];
        if transports == 0 && !no_transit {
            let found = self.by_key.find_entry(keyed_hash(self.seed, &key), |at| *at == slot);
            if let Ok(entry) = found {
                entry.remove();
            }
            self.free.push(slot);
            self.stale = true;
        }
    }
}

/// Folds the first half of a key with the seed: who does not know the seed cannot choose keys that collide.
fn keyed_hash(seed: u64, key: &PublicKey) -> u64 {
    let (half, _) = key.as_bytes().split_at(16);
    super::fold(seed, half)
}
