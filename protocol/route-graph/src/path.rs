//! Paths as answers carry them.

use std::{cmp::Ordering, collections::BTreeSet};

use byway_base::{PublicKey, TransportId, TransportType};

use crate::{Csr, Metrics, NodeIndex, TransportIndex};

/// One transport crossed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The transport.
    pub transport: TransportId,
    /// The edge that it is entered at.
    pub from: PublicKey,
    /// The edge that it is left at.
    pub to: PublicKey,
    /// Its type.
    pub kind: TransportType,
    /// Its metrics in the graph that was searched.
    pub metrics: Metrics,
}

/// A loop-free path from source to destination, with its totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPath {
    /// The hops in order; never empty.
    pub hops: Vec<Hop>,
    /// What it was ranked by: the sum over its hops under the policy's preference. Compares only with costs under the
    /// same preference.
    pub cost: u64,
    /// Sum of the measured round-trip times, microseconds.
    pub rtt_us: u64,
    /// Share of packets lost on the way, parts per million.
    pub loss_ppm: u32,
    /// Throughput in use at the busiest hop, bits per second.
    pub throughput_bps: u64,
    /// Its rank among the paths that share no intermediate with each other; none for a further alternative.
    pub disjoint_rank: Option<usize>,
    /// Whether it is known that no better path belongs in its place. False if a search under `hops>=` or `via` looked at
    /// its fill and a heuristic went on, or if the query's visits ran out before its rank was settled.
    pub proven: bool,
}

impl FoundPath {
    /// The nodes between source and destination, in order.
    pub fn intermediates(&self) -> impl Iterator<Item = PublicKey> {
        self.hops.iter().skip(1).map(|hop| hop.from)
    }
}

/// A path in numbers of one compact form. Ordered by cost, then length, then nodes and transport ids, none of which
/// depends on how the graph came about.
#[derive(Debug, Clone)]
pub(crate) struct RawPath {
    pub(crate) cost: u64,
    pub(crate) hops: Vec<RawHop>,
    pub(crate) from: NodeIndex,
    pub(crate) proven: bool,
}

/// One hop in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RawHop {
    pub(crate) to: NodeIndex,
    pub(crate) id: TransportId,
    pub(crate) transport: TransportIndex,
    pub(crate) cost: u32,
}

impl RawHop {
    /// Crosses `transport` to `to`.
    pub(crate) fn new(csr: &Csr, transport: TransportIndex, to: NodeIndex, cost: u32) -> Self {
        Self { to, id: csr.id(transport), transport, cost }
    }
}

impl RawPath {
    pub(crate) fn new(from: NodeIndex, hops: Vec<RawHop>) -> Self {
        let cost = hops.iter().map(|hop| u64::from(hop.cost)).sum();
        Self { cost, hops, from, proven: true }
    }

    /// The nodes in order, source and destination included.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeIndex> {
        std::iter::once(self.from).chain(self.hops.iter().map(|hop| hop.to))
    }

    /// The nodes between source and destination.
    pub(crate) fn intermediates(&self) -> impl Iterator<Item = NodeIndex> {
        self.hops[..self.hops.len().saturating_sub(1)].iter().map(|hop| hop.to)
    }

    pub(crate) fn is_loop_free(&self) -> bool {
        let distinct: BTreeSet<NodeIndex> = self.nodes().collect();
        distinct.len() == self.hops.len() + 1
    }

    /// With keys and ids in place of numbers.
    pub(crate) fn resolve(&self, csr: &Csr, disjoint_rank: Option<usize>) -> FoundPath {
        let hop = |(from, hop): (NodeIndex, &RawHop)| Hop {
            transport: hop.id,
            from: csr.key(from),
            to: csr.key(hop.to),
            kind: csr.kind(hop.transport).clone(),
            metrics: *csr.metrics(hop.transport),
        };
        let hops: Vec<Hop> = self.nodes().zip(&self.hops).map(hop).collect();
        let (mut rtt_us, mut throughput_bps, mut delivered_ppm) = (0, 0, 1_000_000_u64);
        for Hop { metrics, .. } in &hops {
            rtt_us += u64::from(metrics.rtt_us);
            throughput_bps = metrics.throughput_bps.max(throughput_bps);
            delivered_ppm = delivered_ppm * 1_000_000_u64.saturating_sub(metrics.loss_ppm.into()) / 1_000_000;
        }
        let loss_ppm = u32::try_from(1_000_000 - delivered_ppm).unwrap_or(1_000_000);
        let (cost, proven) = (self.cost, self.proven);
        FoundPath { hops, cost, rtt_us, loss_ppm, throughput_bps, disjoint_rank, proven }
    }
}

impl RawPath {
    fn rank(&self) -> (u64, usize, &[RawHop]) {
        (self.cost, self.hops.len(), &self.hops)
    }
}

impl PartialEq for RawPath {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for RawPath {}

impl PartialOrd for RawPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RawPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}
