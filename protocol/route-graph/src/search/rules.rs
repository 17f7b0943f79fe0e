//! A query's policy in numbers of the graph.

use byway_base::{Policy, PublicKey, policy::Preference};

use super::{Query, SearchError};
use crate::{Csr, NodeIndex, csr::Step};

/// Which of the graph's own rules a search ignores, to explain what they cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Relaxed {
    /// Cross nodes that refuse transit.
    pub(crate) refusals: bool,
    /// Cross transports that are down.
    pub(crate) down: bool,
}

/// What a path may be.
pub(crate) struct Rules {
    pub(crate) preference: Preference,
    pub(crate) from: NodeIndex,
    pub(crate) to: NodeIndex,
    pub(crate) hops_least: usize,
    pub(crate) hops_most: usize,
    /// Nodes to cross, in order.
    pub(crate) via: Vec<NodeIndex>,
    /// Nodes not to cross, by ascending number.
    pub(crate) avoid: Vec<NodeIndex>,
    /// By number of the type; none if all are allowed.
    types: Option<Vec<bool>>,
    relaxed: Relaxed,
}

impl Rules {
    pub(crate) fn compile(csr: &Csr, query: &Query, relaxed: Relaxed) -> Result<Self, SearchError> {
        let Query { from, to, policy, .. } = query;
        check(from, to, policy).map_err(SearchError::BadPolicy)?;
        let from = csr.node(from).ok_or(SearchError::UnknownSource(*from))?;
        let to = csr.node(to).ok_or(SearchError::UnknownDestination(*to))?;
        // A node that nobody heard of lies on no path.
        let via: Option<Vec<_>> = policy.via.iter().map(|key| csr.node(key)).collect();
        let mut avoid: Vec<_> = policy.avoid.iter().filter_map(|key| csr.node(key)).collect();
        avoid.retain(|node| *node != from && *node != to);
        avoid.sort_unstable();
        avoid.dedup();
        let restricted = !policy.types.is_empty() || !policy.types_not.is_empty();
        let types = restricted.then(|| csr.types().iter().map(|kind| policy.allows_type(kind)).collect());
        let rules = Self {
            preference: policy.prefer,
            from,
            to,
            hops_least: policy.hops_least(),
            hops_most: policy.hops_most(),
            via: via.ok_or(SearchError::NoPath)?,
            avoid,
            types,
            relaxed,
        };
        if rules.via.iter().any(|node| rules.refuses(csr, *node)) {
            return Err(SearchError::NoPath);
        }
        Ok(rules)
    }

    /// Whether they bound nothing but the number of hops and where a path may go.
    pub(super) fn are_plain(&self) -> bool {
        self.via.is_empty() && self.hops_least < 2
    }

    /// Whether transports that are down count.
    #[inline]
    pub(crate) fn down(&self) -> bool {
        self.relaxed.down
    }

    #[inline]
    pub(crate) fn allows(&self, step: Step) -> bool {
        self.types.as_ref().is_none_or(|allowed| allowed[usize::from(step.kind)])
    }

    /// Whether a node must not be an intermediate by its own will.
    #[inline]
    pub(crate) fn refuses(&self, csr: &Csr, node: NodeIndex) -> bool {
        csr.refuses_transit(node) && !self.relaxed.refusals
    }
}

/// The checks that need no graph. Parsed policies pass most of them; policies built in code may not.
fn check(from: &PublicKey, to: &PublicKey, policy: &Policy) -> Result<(), &'static str> {
    let via = &policy.via;
    let repeated = || via.iter().enumerate().any(|(at, key)| via[..at].contains(key));
    if from == to {
        Err("source and destination are the same node")
    } else if policy.hops_least() > policy.hops_most() {
        Err("the fewest hops allowed are more than the most")
    } else if via.len() >= policy.hops_most() {
        Err("the nodes in via need more hops than the policy allows")
    } else if via.iter().any(|key| key == from || key == to) {
        Err("via names the source or the destination")
    } else if repeated() {
        Err("via names a node twice, which would make a loop")
    } else if via.iter().any(|key| policy.avoid.contains(key)) {
        Err("a node is in via and in avoid")
    } else {
        Ok(())
    }
}
