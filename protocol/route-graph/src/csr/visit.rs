//! petgraph's visitor traits on the compact form: its algorithms see the usable transports as an undirected
//! multigraph.

use petgraph::{
    Direction, Undirected,
    visit::{
        Data, EdgeRef, GraphBase, GraphProp, IntoEdgeReferences, IntoEdges, IntoNeighbors,
        IntoNeighborsDirected, IntoNodeIdentifiers, NodeCompactIndexable, NodeCount, NodeIndexable,
        Visitable,
    },
};

use super::{Csr, NodeIndex, TransportIndex};
use crate::Metrics;

/// A transport as petgraph's algorithms see it, crossed from source to target.
#[derive(Debug, Clone, Copy)]
pub struct TransportRef<'a> {
    source: NodeIndex,
    target: NodeIndex,
    transport: TransportIndex,
    metrics: &'a Metrics,
}

impl EdgeRef for TransportRef<'_> {
    type NodeId = NodeIndex;
    type EdgeId = TransportIndex;
    type Weight = Metrics;

    fn source(&self) -> NodeIndex {
        self.source
    }

    fn target(&self) -> NodeIndex {
        self.target
    }

    fn weight(&self) -> &Metrics {
        self.metrics
    }

    fn id(&self) -> TransportIndex {
        self.transport
    }
}

impl Csr {
    fn usable(&self, source: NodeIndex) -> impl Iterator<Item = TransportRef<'_>> {
        self.steps(self.range(source, false)).map(move |step| TransportRef {
            source,
            target: step.to,
            transport: step.transport,
            metrics: self.metrics(step.transport),
        })
    }
}

impl GraphBase for Csr {
    type NodeId = NodeIndex;
    type EdgeId = TransportIndex;
}

impl GraphProp for Csr {
    type EdgeType = Undirected;
}

impl Data for Csr {
    type NodeWeight = ();
    type EdgeWeight = Metrics;
}

impl NodeCount for Csr {
    fn node_count(&self) -> usize {
        Csr::node_count(self)
    }
}

impl NodeIndexable for Csr {
    fn node_bound(&self) -> usize {
        Csr::node_count(self)
    }

    fn to_index(&self, node: NodeIndex) -> usize {
        node.index()
    }

    fn from_index(&self, index: usize) -> NodeIndex {
        NodeIndex::new(index)
    }
}

impl NodeCompactIndexable for Csr {}

impl Visitable for Csr {
    type Map = <petgraph::Graph<(), ()> as Visitable>::Map;

    fn visit_map(&self) -> Self::Map {
        Self::Map::with_capacity(self.node_count())
    }

    fn reset_map(&self, map: &mut Self::Map) {
        map.clear();
        map.grow(self.node_count());
    }
}

impl<'a> IntoNodeIdentifiers for &'a Csr {
    type NodeIdentifiers = Box<dyn Iterator<Item = NodeIndex> + 'a>;

    fn node_identifiers(self) -> Self::NodeIdentifiers {
        Box::new((0..self.node_count()).map(NodeIndex::new))
    }
}

impl<'a> IntoNeighbors for &'a Csr {
    type Neighbors = Box<dyn Iterator<Item = NodeIndex> + 'a>;

    fn neighbors(self, node: NodeIndex) -> Self::Neighbors {
        Box::new(self.usable(node).map(|transport| transport.target))
    }
}

impl<'a> IntoNeighborsDirected for &'a Csr {
    type NeighborsDirected = Box<dyn Iterator<Item = NodeIndex> + 'a>;

    fn neighbors_directed(self, node: NodeIndex, _: Direction) -> Self::NeighborsDirected {
        self.neighbors(node)
    }
}

impl<'a> IntoEdgeReferences for &'a Csr {
    type EdgeRef = TransportRef<'a>;
    type EdgeReferences = Box<dyn Iterator<Item = TransportRef<'a>> + 'a>;

    /// Each transport once, as seen from its edge with the lower key.
    fn edge_references(self) -> Self::EdgeReferences {
        let all = (0..self.node_count()).flat_map(|node| self.usable(NodeIndex::new(node)));
        Box::new(all.filter(|transport| transport.source < transport.target))
    }
}

impl<'a> IntoEdges for &'a Csr {
    type Edges = Box<dyn Iterator<Item = TransportRef<'a>> + 'a>;

    fn edges(self, node: NodeIndex) -> Self::Edges {
        Box::new(self.usable(node))
    }
}
