//! Which way a route goes; stands in for the route finder.

use std::collections::{BTreeSet, VecDeque};

use byway_base::limits::HOPS_MAX;

use super::{LinkIx, NodeIx, World};

impl World {
    /// Another node, some random steps away.
    pub(crate) fn stroll(&mut self, from: NodeIx, steps: usize) -> NodeIx {
        let mut node = from;
        for _ in 0..steps {
            let link = self.adjacent[node.0][self.dice.below(self.adjacent[node.0].len())];
            node = self.links[link.0].peer(node);
        }
        if node == from { self.stroll(from, 1) } else { node }
    }

    /// A shortest path over transports that are up, which crosses no node of `avoid` and no transport of `used`; of
    /// equal ones a random one.
    pub(super) fn find_path(
        &mut self,
        from: NodeIx,
        to: NodeIx,
        avoid: &BTreeSet<NodeIx>,
        used: &BTreeSet<LinkIx>,
    ) -> Option<Vec<LinkIx>> {
        let mut reached: Vec<Option<LinkIx>> = vec![None; self.nodes.len()];
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front()
            && reached[to.0].is_none()
        {
            let count = self.adjacent[node.0].len();
            let first = self.dice.below(count);
            for turn in 0..count {
                let link = self.adjacent[node.0][(first + turn) % count];
                let next = self.links[link.0].peer(node);
                let open = self.links[link.0].is_usable() && !used.contains(&link);
                let allowed = next == to || !avoid.contains(&next);
                if open && allowed && next != from && reached[next.0].is_none() {
                    reached[next.0] = Some(link);
                    queue.push_back(next);
                }
            }
        }
        let (mut node, mut path) = (to, Vec::new());
        while node != from {
            let link = reached[node.0]?;
            path.push(link);
            node = self.links[link.0].peer(node);
        }
        path.reverse();
        (!path.is_empty() && path.len() <= HOPS_MAX).then_some(path)
    }
}
