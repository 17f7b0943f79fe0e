//! Paths that share no intermediate, so that no single node breaks two of them.
//!
//! The best path first, then the best that leaves its nodes alone, and so on: that keeps the best path itself in the
//! answer. If it takes nodes that every other path needs, fewer paths come out than exist; then `flow` looks for a whole
//! set at once.

use super::{Exhausted, Ground, Leg, Scratch, flow};
use crate::{NodeIndex, TransportIndex, path::RawPath};

/// Up to `wanted` paths by ascending cost, where `best` is the best of all. When the search is exhausted, those found
/// until then stand.
pub(super) fn find(
    ground: &Ground<'_>,
    scratch: &mut Scratch,
    (best, wanted): (RawPath, usize),
    paths: &mut Vec<RawPath>,
) -> Result<(), Exhausted> {
    let mut taken = Taken::default();
    taken.take(ground, &best);
    paths.push(best);
    while paths.len() < wanted {
        let leg = Leg::whole(ground.rules, &taken.nodes, &taken.transports);
        let Some(path) = leg.best(ground, scratch)? else { break };
        taken.take(ground, &path);
        paths.push(path);
    }
    // Between more than two ends, or with detours, there is no such set to be had in bounded time.
    let simple = ground.rules.via.is_empty() && ground.rules.hops_least <= 2;
    if simple && paths.len() < wanted {
        let set = flow::find(ground, scratch, wanted)?;
        if set.len() > paths.len() {
            *paths = set;
        }
    }
    paths.sort();
    Ok(())
}

/// What the paths found so far have used up.
#[derive(Default)]
struct Taken {
    nodes: Vec<NodeIndex>,
    transports: Vec<TransportIndex>,
}

impl Taken {
    /// Takes a path's intermediates. Nodes that all paths have in common stay, and so the transports between two of them
    /// are taken instead.
    fn take(&mut self, ground: &Ground<'_>, path: &RawPath) {
        let rules = ground.rules;
        let common = |node| node == rules.from || node == rules.to || rules.via.contains(&node);
        self.nodes.extend(path.intermediates().filter(|node| !common(*node)));
        let between = path.nodes().zip(&path.hops).filter(|(from, hop)| common(*from) && common(hop.to));
        self.transports.extend(between.map(|(_, hop)| hop.transport));
    }
}
