//! The world's own record of every route: where it leads, and which nodes hold its rules.

use std::collections::{BTreeMap, BTreeSet};

use byway_base::RouteId;

use super::{LinkIx, NodeIx, SessionIx};

/// One route.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Whose route it is.
    pub(crate) session: SessionIx,
    pub(crate) links: Vec<LinkIx>,
    /// From source to destination.
    pub(crate) nodes: Vec<NodeIx>,
    /// Nodes whose forwarder has its rules.
    pub(crate) held: BTreeSet<NodeIx>,
    /// Every node had its rules at once.
    pub(crate) whole: bool,
    /// The sides that closed it by themselves.
    pub(crate) closed_by: [bool; 2],
    /// It broke somewhere; what was sent before may be lost.
    pub(crate) broken: bool,
}

impl Record {
    pub(crate) fn new(session: SessionIx, links: Vec<LinkIx>, nodes: Vec<NodeIx>) -> Self {
        let (held, closed_by) = (BTreeSet::new(), [false; 2]);
        Self { session, links, nodes, held, whole: false, closed_by, broken: false }
    }

    /// The nodes of the source and of the destination.
    pub(crate) fn ends(&self) -> [NodeIx; 2] {
        [self.nodes[0], self.nodes[self.nodes.len() - 1]]
    }

    pub(crate) fn installed(&mut self, node: NodeIx) {
        self.held.insert(node);
        self.whole |= self.held.len() == self.nodes.len();
    }
}

/// All routes that were ever asked for.
pub(crate) type Registry = BTreeMap<RouteId, Record>;
