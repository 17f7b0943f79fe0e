//! How many rules and routes a node holds, and for whom.

use std::collections::BTreeMap;

use byway_base::{
    PublicKey,
    limits::{ROUTES_PER_INITIATOR, ROUTES_PER_PEER, RULES_PER_NODE, RULES_PER_SETUP_NODE},
};
use byway_wire::setup::InitiatorTag;

use super::Refusal;

/// The largest numbers of rules and routes. Each counts from its first label until its labels may be used anew, so that
/// setting up and tearing down in a loop is bounded as well. Routes that the node itself began count as rules only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Rules in all; [`RULES_PER_NODE`] by default.
    pub rules: usize,
    /// Rules on behalf of one setup node; [`RULES_PER_SETUP_NODE`] by default.
    pub rules_per_setup_node: usize,
    /// Routes that come from one neighbour; [`ROUTES_PER_PEER`] by default.
    pub routes_per_peer: usize,
    /// Routes of one source under one setup node; [`ROUTES_PER_INITIATOR`] by default.
    pub routes_per_initiator: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            rules: RULES_PER_NODE,
            rules_per_setup_node: RULES_PER_SETUP_NODE,
            routes_per_peer: ROUTES_PER_PEER,
            routes_per_initiator: ROUTES_PER_INITIATOR,
        }
    }
}

/// What one route counts as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// The setup node that it comes from, or that was asked for it.
    pub(super) owner: PublicKey,
    /// One for each side.
    pub(super) rules: usize,
    /// Where the route comes from; none if the node began it.
    pub(super) comes: Option<Comes>,
}

/// Where a route of somebody else comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comes {
    /// The neighbour towards the source.
    pub(super) peer: PublicKey,
    /// Stands for the source; the same for all of its routes under the same setup node.
    pub(super) initiator: InitiatorTag,
}

/// Rules and routes held, in all and for each.
#[derive(Debug)]
pub(super) struct Held {
    quotas: Quotas,
    rules: usize,
    per_setup_node: BTreeMap<PublicKey, usize>,
    per_peer: BTreeMap<PublicKey, usize>,
    per_initiator: BTreeMap<(PublicKey, InitiatorTag), usize>,
}

impl Held {
    pub(super) const fn new(quotas: Quotas) -> Self {
        Self {
            quotas,
            rules: 0,
            per_setup_node: BTreeMap::new(),
            per_peer: BTreeMap::new(),
            per_initiator: BTreeMap::new(),
        }
    }

    /// Rules held in all.
    pub(super) const fn rules(&self) -> usize {
        self.rules
    }

    /// Counts one route more, if every quota has room for it.
    pub(super) fn add(&mut self, claim: &Claim) -> Result<(), Refusal> {
        self.check(claim)?;
        self.rules += claim.rules;
        *self.per_setup_node.entry(claim.owner).or_default() += claim.rules;
        if let Some(Comes { peer, initiator }) = claim.comes {
            *self.per_peer.entry(peer).or_default() += 1;
            *self.per_initiator.entry((claim.owner, initiator)).or_default() += 1;
        }
        Ok(())
    }

    /// Counts one route less.
    pub(super) fn subtract(&mut self, claim: &Claim) {
        self.rules -= claim.rules;
        subtract(&mut self.per_setup_node, claim.owner, claim.rules);
        if let Some(Comes { peer, initiator }) = claim.comes {
            subtract(&mut self.per_peer, peer, 1);
            subtract(&mut self.per_initiator, (claim.owner, initiator), 1);
        }
    }

    fn check(&self, claim: &Claim) -> Result<(), Refusal> {
        let quotas = &self.quotas;
        if count(&self.per_setup_node, claim.owner) + claim.rules > quotas.rules_per_setup_node {
            return Err(Refusal::SetupNodeQuota);
        }
        if self.rules + claim.rules > quotas.rules {
            return Err(Refusal::NodeQuota);
        }
        let Some(Comes { peer, initiator }) = claim.comes else { return Ok(()) };
        if count(&self.per_peer, peer) >= quotas.routes_per_peer {
            return Err(Refusal::PeerQuota);
        }
        let of_initiator = count(&self.per_initiator, (claim.owner, initiator));
        if of_initiator >= quotas.routes_per_initiator { Err(Refusal::InitiatorQuota) } else { Ok(()) }
    }
}

fn count<K: Ord>(held: &BTreeMap<K, usize>, key: K) -> usize {
    held.get(&key).copied().unwrap_or(0)
}

/// Keys without anything are forgotten, so that the table is no larger than what is held.
fn subtract<K: Ord>(held: &mut BTreeMap<K, usize>, key: K, less: usize) {
    if let Some(count) = held.get_mut(&key) {
        *count -= less;
        if *count == 0 {
            held.remove(&key);
        }
    }
}
