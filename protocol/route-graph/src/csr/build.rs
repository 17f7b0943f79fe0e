//! Building the adjacency: count, fill, order.

use byway_base::{PublicKey, TransportType};

use super::{NodeIndex, Step, Topology, TransportIndex};
use crate::graph::{NodeEntry, Row, Rows};

/// What an adjacency is built from.
pub(crate) struct Parts<'a> {
    /// Nodes by ascending key.
    pub(crate) nodes: Vec<NodeEntry>,
    /// Type names by their numbers in the rows.
    pub(crate) types: &'a [TransportType],
    /// The transports.
    pub(crate) rows: &'a Rows,
}

/// A step on its way into order: the first bytes of its transport's id decide nearly every comparison without a look
/// at the row.
#[derive(Clone, Copy)]
struct Unordered {
    order: u32,
    step: Step,
}

impl Topology {
    /// Linear in nodes and transports, but for ordering the steps of each node.
    pub(crate) fn build(parts: Parts<'_>) -> Self {
        let number = numbers_by_slot(&parts.nodes);
        let (first, usable_end) = count(parts.nodes.len(), parts.rows, &number);
        let mut steps = fill(&first, &usable_end, parts.rows, &number);
        for (node, usable_end) in usable_end.iter().enumerate() {
            let (begin, middle, end) = (first[node] as usize, *usable_end as usize, first[node + 1] as usize);
            order(&mut steps[begin..middle], parts.rows);
            order(&mut steps[middle..end], parts.rows);
        }
        let mut refuses = vec![0_u64; parts.nodes.len().div_ceil(64)];
        for (index, node) in parts.nodes.iter().enumerate() {
            refuses[index / 64] |= u64::from(node.no_transit) << (index % 64);
        }
        let keys: Box<[PublicKey]> = parts.nodes.iter().map(|node| node.key).collect();
        Self {
            keys,
            refuses: refuses.into(),
            first: first.into(),
            usable_end: usable_end.into(),
            steps: steps.iter().map(|unordered| unordered.step).collect(),
            types: parts.types.into(),
        }
    }
}

/// Slots follow history, numbers follow keys.
fn numbers_by_slot(nodes: &[NodeEntry]) -> Vec<u32> {
    let slots = nodes.iter().map(|node| node.slot as usize + 1).max().unwrap_or(0);
    let mut numbers = vec![u32::MAX; slots];
    for (number, node) in (0..).zip(nodes) {
        numbers[node.slot as usize] = number;
    }
    numbers
}

/// Where each node's steps begin, and where its usable ones end.
fn count(nodes: usize, rows: &Rows, number: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (mut all, mut usable) = (vec![0_u32; nodes + 1], vec![0_u32; nodes]);
    for (_, row) in rows.live() {
        for slot in row.edges {
            let node = number[slot as usize] as usize;
            all[node] += 1;
            usable[node] += u32::from(row.usable());
        }
    }
    let mut begin = 0;
    for (node, usable) in usable.iter_mut().enumerate() {
        *usable += begin;
        begin += std::mem::replace(&mut all[node], begin);
    }
    all[nodes] = begin;
    (all, usable)
}

/// Writes both steps of each transport: usable ones from a node's beginning on, others from its end of usable ones on.
fn fill(first: &[u32], usable_end: &[u32], rows: &Rows, number: &[u32]) -> Vec<Unordered> {
    let total = first.last().map_or(0, |end| *end as usize);
    let empty = Step { to: NodeIndex::new(0), transport: TransportIndex::new(0), kind: 0 };
    let mut steps = vec![Unordered { order: 0, step: empty }; total];
    let (mut next_usable, mut next_down) = (first[..usable_end.len()].to_vec(), usable_end.to_vec());
    for (index, row) in rows.live() {
        let next = if row.usable() { &mut next_usable } else { &mut next_down };
        let [a, b] = row.edges.map(|slot| number[slot as usize]);
        for (from, to) in [(a, b), (b, a)] {
            let at = &mut next[from as usize];
            let (to, transport) = (NodeIndex::from(to), TransportIndex::from(index));
            steps[*at as usize] = Unordered { order: prefix(row), step: Step { to, transport, kind: row.kind } };
            *at += 1;
        }
    }
    steps
}

fn order(steps: &mut [Unordered], rows: &Rows) {
    let id = |unordered: &Unordered| rows.get(unordered.step.transport.index()).id;
    steps.sort_unstable_by(|a, b| a.order.cmp(&b.order).then_with(|| id(a).cmp(&id(b))));
}

/// Ordered like the ids themselves.
fn prefix(row: &Row) -> u32 {
    let id = row.id.as_bytes();
    u32::from_be_bytes([id[0], id[1], id[2], id[3]])
}
