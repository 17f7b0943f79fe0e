//! Building the adjacency: count, fill, order.

use byway_base::TransportType;

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

/// What building knows of a node: how many steps of each sort it has, and then where the next of each goes.
///
/// Stands by slot, which is how rows name nodes, so that each row costs one look-up per edge.
#[derive(Clone, Copy, Default)]
struct Place {
    number: u32,
    usable: u32,
    down: u32,
}

impl Topology {
    /// Linear in nodes and transports, but for ordering the steps of each node.
    pub(crate) fn build(parts: Parts<'_>) -> Self {
        let nodes = &parts.nodes;
        let mut places = count(nodes, parts.rows);
        let (first, usable_end) = divide(nodes, &mut places);
        let mut steps = fill(first[nodes.len()], &mut places, parts.rows);
        for (node, usable_end) in usable_end.iter().enumerate() {
            let (begin, middle, end) = (first[node] as usize, *usable_end as usize, first[node + 1] as usize);
            order(&mut steps[begin..middle], parts.rows);
            order(&mut steps[middle..end], parts.rows);
        }
        let mut refuses = vec![0_u64; nodes.len().div_ceil(64)];
        for (number, node) in nodes.iter().enumerate() {
            refuses[number / 64] |= u64::from(node.no_transit) << (number % 64);
        }
        Self {
            keys: nodes.iter().map(|node| node.key).collect(),
            refuses: refuses.into(),
            first: first.into(),
            usable_end: usable_end.into(),
            steps: steps.iter().map(|unordered| unordered.step).collect(),
            types: parts.types.into(),
        }
    }
}

/// How many steps each node has. Slots follow history, numbers follow keys.
fn count(nodes: &[NodeEntry], rows: &Rows) -> Vec<Place> {
    let slots = nodes.iter().map(|node| node.slot as usize + 1).max().unwrap_or(0);
    let mut places = vec![Place::default(); slots];
    for (number, node) in (0..).zip(nodes) {
        places[node.slot as usize].number = number;
    }
    for (_, row) in rows.live() {
        let usable = row.usable();
        for slot in row.edges {
            let place = &mut places[slot as usize];
            place.usable += u32::from(usable);
            place.down += u32::from(!usable);
        }
    }
    places
}

/// Where each node's steps begin, and where its usable ones end. Turns the counts into the first positions.
fn divide(nodes: &[NodeEntry], places: &mut [Place]) -> (Vec<u32>, Vec<u32>) {
    let (mut first, mut usable_end) = (Vec::with_capacity(nodes.len() + 1), Vec::with_capacity(nodes.len()));
    let mut begin = 0;
    for node in nodes {
        let place = &mut places[node.slot as usize];
        let (usable, down) = (place.usable, place.down);
        (place.usable, place.down) = (begin, begin + usable);
        first.push(begin);
        usable_end.push(begin + usable);
        begin += usable + down;
    }
    first.push(begin);
    (first, usable_end)
}

/// Writes both steps of each transport at their nodes.
fn fill(total: u32, places: &mut [Place], rows: &Rows) -> Vec<Unordered> {
    let empty = Step { to: NodeIndex::new(0), transport: TransportIndex::new(0), kind: 0 };
    let mut steps = vec![Unordered { order: 0, step: empty }; total as usize];
    for (index, row) in rows.live() {
        let [a, b] = row.edges.map(|slot| slot as usize);
        for (from, to) in [(a, b), (b, a)] {
            let step = Step {
                to: NodeIndex::from(places[to].number),
                transport: TransportIndex::from(index),
                kind: row.kind,
            };
            let place = &mut places[from];
            let next = if row.usable() { &mut place.usable } else { &mut place.down };
            steps[*next as usize] = Unordered { order: prefix(row), step };
            *next += 1;
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
