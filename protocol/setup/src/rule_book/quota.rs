//! How many rules a node holds, and for whom.

use std::collections::BTreeMap;

use byway_base::{
    PublicKey,
    limits::{RULES_PER_NODE, RULES_PER_SETUP_NODE},
};

use super::Refusal;

/// The largest numbers of rules. A rule counts from its reservation until its label may be handed out anew, so that
/// setting up and tearing down in a loop is bounded as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// In all; [`RULES_PER_NODE`] by default.
    pub rules: usize,
    /// On behalf of one setup node; [`RULES_PER_SETUP_NODE`] by default.
    pub rules_per_setup_node: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { rules: RULES_PER_NODE, rules_per_setup_node: RULES_PER_SETUP_NODE }
    }
}

/// Rules held, in all and per setup node.
#[derive(Debug)]
pub(super) struct Held {
    quotas: Quotas,
    all: usize,
    per_setup_node: BTreeMap<PublicKey, usize>,
}

impl Held {
    pub(super) const fn new(quotas: Quotas) -> Self {
        Self { quotas, all: 0, per_setup_node: BTreeMap::new() }
    }

    /// Rules held in all.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// Whether `count` more rules may be held for `owner`.
    pub(super) fn check(&self, owner: PublicKey, count: usize) -> Result<(), Refusal> {
        let own = self.per_setup_node.get(&owner).copied().unwrap_or(0);
        if own + count > self.quotas.rules_per_setup_node {
            return Err(Refusal::SetupNodeQuota);
        }
        if self.all + count > self.quotas.rules { Err(Refusal::NodeQuota) } else { Ok(()) }
    }

    /// Counts `count` rules more for `owner`.
    pub(super) fn add(&mut self, owner: PublicKey, count: usize) {
        self.all += count;
        *self.per_setup_node.entry(owner).or_default() += count;
    }

    /// Counts `count` rules less for `owner`.
    pub(super) fn subtract(&mut self, owner: PublicKey, count: usize) {
        self.all -= count;
        if let Some(own) = self.per_setup_node.get_mut(&owner) {
            *own -= count;
            if *own == 0 {
                self.per_setup_node.remove(&owner);
            }
        }
    }
}
