//! The compact, immutable form of the graph that searches read.
//!
//! Compressed sparse rows: the steps out of a node stand side by side, usable ones first. Nodes are numbered by
//! ascending key and each node's steps are ordered by transport id, so that the form depends on the content alone and
//! a tie between paths falls to no particular node: ids are hashes over both edges, which a node cannot choose.

mod build;
mod visit;

use std::sync::{Arc, OnceLock};

use byway_base::{PublicKey, TransportId, TransportType, policy::Preference};

pub(crate) use build::Parts;
pub use visit::TransportRef;

use crate::{
    Metrics,
    graph::{Row, Rows},
    metric::{self, metric},
};

/// A node's number in one compact form; it means nothing in another.
pub type NodeIndex = petgraph::graph::NodeIndex<u32>;
/// A transport's number in one compact form; it means nothing in another.
pub type TransportIndex = petgraph::graph::EdgeIndex<u32>;

/// One way out of a node: across a transport to its other edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) to: NodeIndex,
    pub(crate) transport: TransportIndex,
    pub(crate) kind: u16,
}

/// Who is connected to whom.
#[derive(Default)]
pub(crate) struct Topology {
    keys: Box<[PublicKey]>,
    /// One bit per node: refuses to be an intermediate.
    refuses: Box<[u64]>,
    /// Where the steps of each node begin, and where the last ends.
    first: Box<[u32]>,
    /// Where each node's usable steps end.
    usable_end: Box<[u32]>,
    steps: Box<[Step]>,
    types: Box<[TransportType]>,
}

/// An immutable view of the transport graph at one moment. Shared behind `Arc`, read by any number of searches.
#[derive(Default)]
pub struct Csr {
    topology: Arc<Topology>,
    rows: Rows,
    costs: [OnceLock<Box<[u32]>>; metric::COUNT],
}

impl Csr {
    pub(crate) fn new(topology: Topology, rows: Rows) -> Self {
        Self { topology: Arc::new(topology), rows, costs: Default::default() }
    }

    /// The same adjacency with other metrics.
    pub(crate) fn with_rows(&self, rows: Rows) -> Self {
        Self { topology: Arc::clone(&self.topology), rows, costs: Default::default() }
    }

    /// The number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.topology.keys.len()
    }

    /// The number of transports, whatever their state.
    #[must_use]
    pub fn transport_count(&self) -> usize {
        self.topology.steps.len() / 2
    }

    /// The number of a node, if it is known.
    #[must_use]
    pub fn node(&self, key: &PublicKey) -> Option<NodeIndex> {
        self.topology.keys.binary_search(key).ok().map(NodeIndex::new)
    }

    /// The key of a node.
    ///
    /// # Panics
    /// If the number is not of this form.
    #[must_use]
    pub fn key(&self, node: NodeIndex) -> PublicKey {
        self.topology.keys[node.index()]
    }

    /// Whether a node refuses to be an intermediate.
    #[must_use]
    #[inline]
    pub fn refuses_transit(&self, node: NodeIndex) -> bool {
        self.topology.refuses[node.index() / 64] >> (node.index() % 64) & 1 == 1
    }

    /// How many transports of a node are usable, and how many are not.
    #[must_use]
    pub fn transports_of(&self, node: NodeIndex) -> (usize, usize) {
        let (usable, all) = (self.range(node, false).len(), self.range(node, true).len());
        (usable, all - usable)
    }

    /// Computes the costs under a preference, which otherwise the first search that ranks by it does. For the caller
    /// that publishes a snapshot and wants no query to wait.
    pub fn prepare(&self, preference: Preference) {
        self.costs(preference);
    }

    /// Where the steps out of a node stand; with those that are down, or without.
    #[inline]
    pub(crate) fn range(&self, node: NodeIndex, down: bool) -> std::ops::Range<usize> {
        let topology = &*self.topology;
        let begin = topology.first[node.index()] as usize;
        let end = if down { topology.first[node.index() + 1] } else { topology.usable_end[node.index()] };
        begin..end as usize
    }

    #[inline]
    pub(crate) fn steps(&self) -> &[Step] {
        &self.topology.steps
    }

    /// The node that a step leaves.
    pub(crate) fn source(&self, step: usize) -> NodeIndex {
        NodeIndex::new(self.topology.first.partition_point(|first| *first as usize <= step) - 1)
    }

    /// The cost of each step under a preference. Hops are not stored: none of them costs other than 1.
    pub(crate) fn costs(&self, preference: Preference) -> &[u32] {
        if preference == Preference::Hops {
            return &[];
        }
        let metric = metric(preference);
        self.costs[metric::position(preference)].get_or_init(|| {
            // Row by row first: to gather numbers from a small table is several times faster than to gather rows.
            let by_row: Vec<u32> =
                self.rows.all().map(|row| metric::hop_cost(metric, &row.metrics)).collect();
            self.topology.steps.iter().map(|step| by_row[step.transport.index()]).collect()
        })
    }

    pub(crate) fn types(&self) -> &[TransportType] {
        &self.topology.types
    }

    pub(crate) fn row(&self, transport: TransportIndex) -> &Row {
        self.rows.get(transport.index())
    }

    pub(crate) fn id(&self, transport: TransportIndex) -> TransportId {
        self.row(transport).id
    }

    pub(crate) fn kind(&self, transport: TransportIndex) -> &TransportType {
        &self.topology.types[usize::from(self.row(transport).kind)]
    }

    pub(crate) fn metrics(&self, transport: TransportIndex) -> &Metrics {
        &self.row(transport).metrics
    }
}

impl std::fmt::Debug for Csr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transports = self.transport_count();
        f.debug_struct("Csr").field("nodes", &self.node_count()).field("transports", &transports).finish()
    }
}

/// Two forms are equal if they describe the same network, by whatever history they came about.
impl PartialEq for Csr {
    fn eq(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.topology, &other.topology);
        let same_step = |(a, b): (&Step, &Step)| {
            a.to == b.to
                && self.id(a.transport) == other.id(b.transport)
                && self.kind(a.transport) == other.kind(b.transport)
                && self.metrics(a.transport) == other.metrics(b.transport)
        };
        mine.keys == theirs.keys
            && mine.refuses == theirs.refuses
            && mine.first == theirs.first
            && mine.usable_end == theirs.usable_end
            && mine.steps.iter().zip(&theirs.steps).all(same_step)
    }
}

impl Eq for Csr {}
