//! One best path from node to node, by the least work that proves it best.
//!
//! The plain searches know neither `hops>=` nor `via`. But what they find is the best under fewer rules; so if it
//! happens to keep all of them, it is the answer. In networks of some size it nearly always does.

use byway_base::policy::Preference;

use super::{Exhausted, Ground, Rules, Scratch, bfs, corridor, dijkstra, guided, labels};
use crate::{NodeIndex, TransportIndex, path::RawPath};

/// What one path must be: a whole query, or the rest of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg<'a> {
    pub(crate) from: NodeIndex,
    pub(crate) to: NodeIndex,
    /// Nodes to cross, in order.
    pub(crate) via: &'a [NodeIndex],
    pub(crate) hops_least: usize,
    pub(crate) hops_most: usize,
    /// Only a path that costs less is of interest.
    pub(crate) below: u64,
    /// Nodes not to cross, beside those that the rules avoid.
    pub(crate) nodes: &'a [NodeIndex],
    /// Transports not to leave `from` or a node of `via` by.
    pub(crate) transports: &'a [TransportIndex],
}

impl<'a> Leg<'a> {
    /// The whole query.
    pub(crate) fn whole(rules: &'a Rules, nodes: &'a [NodeIndex], transports: &'a [TransportIndex]) -> Self {
        let Rules { from, to, hops_least, hops_most, .. } = *rules;
        Self { from, to, via: &rules.via, hops_least, hops_most, below: u64::MAX, nodes, transports }
    }

    /// Whether this is a whole query that bounds nothing but the number of hops.
    fn is_plain_query(&self, rules: &Rules) -> bool {
        let same_ends = self.from == rules.from && self.to == rules.to;
        let whole = same_ends && self.hops_most == rules.hops_most && self.below == u64::MAX;
        whole && self.nodes.is_empty() && self.transports.is_empty() && rules.are_plain()
    }

    /// Whether a step between two nodes may be taken, as far as the ends have a say: not by a transport that is
    /// ruled out at `from`, and not straight from `from` to `to` if that has too few hops.
    #[inline]
    pub(super) fn permits(&self, a: NodeIndex, b: NodeIndex, transport: TransportIndex) -> bool {
        if a != self.from && b != self.from {
            return true;
        }
        let other = if a == self.from { b } else { a };
        (self.hops_least < 2 || other != self.to) && !self.transports.contains(&transport)
    }

    /// The best path, if one costs less than `below`.
    pub(super) fn best(
        &self,
        ground: &Ground<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<RawPath>, Exhausted> {
        if self.is_plain_query(ground.rules)
            && let Some(paths) = corridor::cheapest(ground, scratch, 1)?
        {
            return Ok(paths.into_iter().next());
        }
        let relaxed = if self.via.is_empty() {
            self.plain(ground, scratch)?
        } else {
            self.through_via(ground, scratch)?
        };
        match relaxed {
            Some(path) if self.is_kept_by(&path) => Ok(Some(path)),
            Some(path) if path.cost < self.below => guided::best(ground, scratch, self, &path),
            _ => Ok(None),
        }
    }

    fn is_kept_by(&self, path: &RawPath) -> bool {
        let hops = path.hops.len();
        path.cost < self.below
            && (self.hops_least..=self.hops_most).contains(&hops)
            && (self.via.is_empty() || path.is_loop_free())
    }

    /// The best path of at most `hops_most` hops, `via` left aside; of at least two if `hops_least` says so.
    pub(super) fn plain(
        &self,
        ground: &Ground<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<RawPath>, Exhausted> {
        if ground.rules.preference == Preference::Hops {
            let hops_below = usize::try_from(self.below.saturating_sub(1)).unwrap_or(usize::MAX);
            return bfs::shortest(ground, scratch, self, self.hops_most.min(hops_below));
        }
        let cheapest = dijkstra::shortest(ground, scratch, self)?;
        if cheapest.as_ref().is_none_or(|path| path.hops.len() <= self.hops_most) {
            return Ok(cheapest);
        }
        // The path of fewest hops tells whether there is any at all, and what the best costs at most.
        let Some(shortest) = bfs::shortest(ground, scratch, self, self.hops_most)? else { return Ok(None) };
        let below = self.below.min(shortest.cost);
        let better = labels::shortest(ground, scratch, &Self { below, ..*self })?;
        Ok(better.or_else(|| (shortest.cost < self.below).then_some(shortest)))
    }

    /// The best paths from one node of `via` to the next, joined; they may cross each other.
    fn through_via(&self, ground: &Ground<'_>, scratch: &mut Scratch) -> Result<Option<RawPath>, Exhausted> {
        let ends: Vec<NodeIndex> = [self.from].iter().chain(self.via).chain([&self.to]).copied().collect();
        let mut hops = Vec::new();
        for pair in ends.windows(2) {
            let others = ends.iter().filter(|node| !pair.contains(node));
            let nodes: Vec<NodeIndex> = self.nodes.iter().chain(others).copied().collect();
            let hops_most = self.hops_most - self.via.len();
            let (from, to) = (pair[0], pair[1]);
            let (below, transports) = (self.below, self.transports);
            let leg = Leg { from, to, via: &[], hops_least: 1, hops_most, below, nodes: &nodes, transports };
            let Some(path) = leg.plain(ground, scratch)? else { return Ok(None) };
            hops.extend(path.hops);
        }
        Ok(Some(RawPath::new(self.from, hops)))
    }
}
