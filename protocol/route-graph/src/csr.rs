//! The compact, immutable form of the graph that searches read.
//!
//! Compressed sparse rows: the steps out of a node stand side by side, usable ones first. Nodes are numbered by
//! ascending key. Each node's steps are ordered by their cost under the default preference, which searches want to see
//! first, and then by transport id. So the form depends on the content alone, and a tie between paths falls to no
//! particular node: ids are hashes over both edges, which a node cannot choose.

mod build;
mod costs;
mod order;
mod step;
mod visit;

use std::sync::{Arc, OnceLock};

use byway_base::{PublicKey, TransportId, TransportType, policy::Preference};

pub(crate) use costs::Costs;
use costs::Ordered;
use step::Packed;
pub(crate) use step::Step;
pub use visit::TransportRef;

use crate::{
    Metrics,
    graph::{Ranking, Row, Rows},
    metric::{self, metric},
};

/// A node's number in one compact form; it means nothing in another.
pub type NodeIndex = petgraph::graph::NodeIndex<u32>;
/// A transport's number in one compact form; it means nothing in another.
pub type TransportIndex = petgraph::graph::EdgeIndex<u32>;

/// Who is connected to whom.
#[derive(Default)]
struct Topology {
    /// By ascending number and value.
    keys: Arc<Vec<PublicKey>>,
    /// One bit per node: refuses to be an intermediate.
    refuses: Box<[u64]>,
    /// Where the steps of each node stand. One more than nodes: where the last ends, all begin.
    spans: Box<[Span]>,
    types: Box<[TransportType]>,
}

/// Where the steps of a node begin, and where its usable ones end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    begin: u32,
    usable_end: u32,
}

/// An immutable view of the transport graph at one moment. Shared behind `Arc`, read by any number of searches.
#[derive(Default)]
pub struct Csr {
    topology: Arc<Topology>,
    steps: Box<[Packed]>,
    /// By step, under the default preference.
    default_costs: Box<[u32]>,
    rows: Rows,
    /// Under the other preferences, as far as they were asked for.
    costs: [OnceLock<Ordered>; metric::COUNT],
}

impl Csr {
    /// The form of these rows. `refuses` tells of a slot whether its node refuses to be an intermediate; `types` are names
    /// by their numbers in the rows.
    pub(crate) fn new(
        nodes: &Ranking,
        refuses: impl Fn(u32) -> bool,
        types: &[TransportType],
        rows: Rows,
    ) -> Self {
        let (topology, steps) = Topology::build(nodes, refuses, types, &rows);
        Self::ordered(Arc::new(topology), steps, rows)
    }

    /// The same adjacency with other metrics.
    pub(crate) fn with_rows(&self, rows: Rows) -> Self {
        Self::ordered(Arc::clone(&self.topology), self.steps.to_vec(), rows)
    }

    fn ordered(topology: Arc<Topology>, mut steps: Vec<Packed>, rows: Rows) -> Self {
        let default_costs = order::by_cost(&topology.spans, &mut steps, &rows);
        Self { topology, steps: steps.into(), default_costs, rows, costs: Default::default() }
    }

    /// The number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.topology.keys.len()
    }

    /// The number of transports, whatever their state.
    #[must_use]
    pub fn transport_count(&self) -> usize {
        self.steps.len() / 2
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

    /// Where the steps out of a node stand; with those that are down, or without.
    #[inline]
    pub(crate) fn range(&self, node: NodeIndex, down: bool) -> std::ops::Range<usize> {
        let topology = &*self.topology;
        let Span { begin, usable_end } = topology.spans[node.index()];
        let end = if down { topology.spans[node.index() + 1].begin } else { usable_end };
        begin as usize..end as usize
    }

    #[inline]
    pub(crate) fn step(&self, number: usize) -> Step {
        self.steps[number].open()
    }

    /// Steps that stand side by side.
    #[inline]
    pub(crate) fn steps(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = Step> {
        self.steps[range].iter().map(|step| step.open())
    }

    /// The node that a step leaves.
    pub(crate) fn source(&self, step: usize) -> NodeIndex {
        NodeIndex::new(self.topology.spans.partition_point(|span| span.begin as usize <= step) - 1)
    }

    /// What each step costs under a preference. None for hops: each of them costs 1. Computed when a preference other
    /// than the default is asked for the first time.
    pub(crate) fn costs(&self, preference: Preference) -> Option<Costs<'_>> {
        if preference == Preference::Hops {
            return None;
        }
        if preference == Preference::default() {
            return Some(Costs::in_order(&self.default_costs));
        }
        let compute = || Ordered::compute(&self.topology.spans, &self.steps, metric(preference), &self.rows);
        Some(self.costs[metric::position(preference)].get_or_init(compute).costs())
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
        let same_step = |(a, b): (&Packed, &Packed)| {
            let (a, b) = (a.open(), b.open());
            a.to == b.to
                && self.id(a.transport) == other.id(b.transport)
                && self.kind(a.transport) == other.kind(b.transport)
                && self.metrics(a.transport) == other.metrics(b.transport)
        };
        mine.keys == theirs.keys
            && mine.refuses == theirs.refuses
            && mine.spans == theirs.spans
            && self.steps.iter().zip(&other.steps).all(same_step)
    }
}

impl Eq for Csr {}
