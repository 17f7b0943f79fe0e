//! What this process remembers of the rows of nodes that reported lately.
//!
//! It says nothing by itself: whoever acts on it makes the database compare [`NodeRows::changed`] with its own, which every
//! change to one of the node's transports replaces by a number that was never there.

use std::collections::HashMap;

use byway_api::transport_discovery::{EdgeClaim, Metrics};
use byway_base::{PublicKey, TransportId, UnixTime, limits::LEASE};

/// A node's side of all its transports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeRows {
    /// Number of the latest change to one of them.
    pub(super) changed: u64,
    /// In the order of their ids.
    pub(super) claims: Vec<Claim>,
    /// When the database was last seen to agree.
    pub(super) seen: UnixTime,
}

/// What a node said of one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) id: TransportId,
    pub(super) up: bool,
    pub(super) metrics: Metrics,
    /// When it last turned.
    pub(super) said: UnixTime,
}

impl Claim {
    pub(super) fn as_edge_claim(&self) -> EdgeClaim {
        EdgeClaim { up: self.up, renewed_at: UnixTime(0), metrics: self.metrics }
    }
}

/// Nodes and their rows, in bounded memory: two generations, of which the younger takes the place of the older when it has
/// half of the room. So what was used lately stays.
#[derive(Debug)]
pub(super) struct Known {
    /// Only for look-up.
    young: HashMap<PublicKey, NodeRows>,
    old: HashMap<PublicKey, NodeRows>,
    /// Claims, and one for each node, in the younger generation.
    size: usize,
    max: usize,
}

impl Known {
    /// Holds up to `max` claims.
    pub(super) fn new(max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), size: 0, max }
    }

    /// What is known of a node at `now`. A row that nobody renewed for a lease may have been removed and made anew, whose
    /// numbers begin from zero.
    pub(super) fn get(&mut self, node: &PublicKey, now: UnixTime) -> Option<&mut NodeRows> {
        if let Some(rows) = self.old.remove(node) {
            self.put(*node, rows);
        }
        self.young.get_mut(node).filter(|rows| rows.seen.plus(LEASE) >= now)
    }

    pub(super) fn put(&mut self, node: PublicKey, rows: NodeRows) {
        self.old.remove(&node);
        self.size += rows.claims.len() + 1;
        if let Some(former) = self.young.insert(node, rows) {
            self.size -= former.claims.len() + 1;
        }
        if self.size > self.max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.size = 0;
        }
    }

    pub(super) fn forget(&mut self, node: &PublicKey) {
        self.old.remove(node);
        if let Some(rows) = self.young.remove(node) {
            self.size -= rows.claims.len() + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    fn rows(claims: usize, seen: u64) -> NodeRows {
        let claim = Claim {
            id: TransportId::from_bytes([0; 16]),
            up: true,
            metrics: Metrics::default(),
            said: UnixTime(0),
        };
        NodeRows { changed: 0, claims: vec![claim; claims], seen: UnixTime(seen) }
    }

    #[test]
    fn what_is_used_stays_and_the_rest_makes_room() {
        let mut known = Known::new(40);
        for node in 1..=100 {
            known.put(key(node), rows(4, 0));
            assert!(known.get(&key(1), UnixTime(0)).is_some(), "used each time, at {node}");
            assert!(known.young.len() + known.old.len() <= 9);
        }
        assert!(known.get(&key(2), UnixTime(0)).is_none());
        assert!(known.get(&key(100), UnixTime(0)).is_some());
    }

    #[test]
    fn what_the_database_has_not_confirmed_for_a_lease_is_not_used() {
        let mut known = Known::new(40);
        known.put(key(1), rows(1, 100));
        assert!(known.get(&key(1), UnixTime(100).plus(LEASE)).is_some());
        assert!(known.get(&key(1), UnixTime(101).plus(LEASE)).is_none());
        known.forget(&key(1));
        assert_eq!(known.size, 0);
    }
}
