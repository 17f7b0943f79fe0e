//! Nodes by public key, each in a slot that is reused when its last transport and flag are gone.

use std::collections::BTreeMap;

use byway_base::{PublicKey, limits::GRAPH_NODES};

use super::GraphError;

/// All nodes. A slot is a small number by which transports name their edges.
#[derive(Default)]
pub(super) struct Nodes {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_key: BTreeMap<PublicKey, u32>,
}

struct Slot {
    key: PublicKey,
    transports: u32,
    no_transit: bool,
}

/// One node on the way into the compact form.
pub(crate) struct NodeEntry {
    pub(crate) key: PublicKey,
    pub(crate) slot: u32,
    pub(crate) no_transit: bool,
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn get(&self, key: &PublicKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    pub(super) fn key(&self, slot: u32) -> PublicKey {
        self.slots[slot as usize].key
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

    /// All nodes by ascending key: the order that makes the compact form independent of history.
    pub(super) fn sorted(&self) -> Vec<NodeEntry> {
        let entry = |(key, slot): (&PublicKey, &u32)| NodeEntry {
            key: *key,
            slot: *slot,
            no_transit: self.slots[*slot as usize].no_transit,
        };
        self.by_key.iter().map(entry).collect()
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
        self.by_key.insert(key, slot);
        slot
    }

    fn forget_if_idle(&mut self, slot: u32) {
        let node = &self.slots[slot as usize];
        if node.transports == 0 && !node.no_transit {
            self.by_key.remove(&node.key);
            self.free.push(slot);
        }
    }
}
