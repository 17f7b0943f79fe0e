//! Building the adjacency: count, divide, fill.

use byway_base::TransportType;

use super::{Packed, Span, Topology};
use crate::graph::{Ranking, Rows};

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
    /// Linear in nodes and transports. The steps of each node and sort are in no order yet.
    pub(super) fn build(
        nodes: &Ranking,
        refuses: impl Fn(u32) -> bool,
        types: &[TransportType],
        rows: &Rows,
    ) -> (Self, Vec<Packed>) {
        let mut places = count(&nodes.slots, rows);
        let spans = divide(&nodes.slots, &mut places);
        let steps = fill(spans[nodes.slots.len()].begin, &mut places, rows);
        let mut refusing = vec![0_u64; nodes.slots.len().div_ceil(64)];
        for (number, slot) in nodes.slots.iter().enumerate() {
            refusing[number / 64] |= u64::from(refuses(*slot)) << (number % 64);
        }
        let topology = Self {
            keys: nodes.keys.clone(),
            refuses: refusing.into(),
            spans: spans.into(),
            types: types.into(),
        };
        (topology, steps)
    }
}

/// How many steps each node has. Slots follow history, numbers follow keys.
fn count(nodes: &[u32], rows: &Rows) -> Vec<Place> {
    let slots = nodes.iter().map(|slot| *slot as usize + 1).max().unwrap_or(0);
    let mut places = vec![Place::default(); slots];
    for (number, slot) in (0..).zip(nodes) {
        places[*slot as usize].number = number;
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

/// Where each node's steps stand. Turns the counts into the first positions.
fn divide(nodes: &[u32], places: &mut [Place]) -> Vec<Span> {
    let mut spans = Vec::with_capacity(nodes.len() + 1);
    let mut begin = 0;
    for slot in nodes {
        let place = &mut places[*slot as usize];
        let (usable, down) = (place.usable, place.down);
        (place.usable, place.down) = (begin, begin + usable);
        spans.push(Span { begin, usable_end: begin + usable });
        begin += usable + down;
    }
    spans.push(Span { begin, usable_end: begin });
    spans
}

/// Writes both steps of each transport at their nodes.
fn fill(total: u32, places: &mut [Place], rows: &Rows) -> Vec<Packed> {
    let mut steps = vec![Packed::default(); total as usize];
    for (index, row) in rows.live() {
        let [a, b] = row.edges.map(|slot| slot as usize);
        for (from, to) in [(a, b), (b, a)] {
            let step = Packed::new(places[to].number, index, row.kind);
            let place = &mut places[from];
            let next = if row.usable() { &mut place.usable } else { &mut place.down };
            steps[*next as usize] = step;
            *next += 1;
        }
    }
    steps
}
