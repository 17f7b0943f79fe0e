//! The transports themselves, in rows that the compact form shares, and the look-up by id.
//!
//! Rows stand in chunks behind `Arc`: a snapshot clones the list of chunks, and a later change copies the one chunk
//! that it touches. At five million transports that saves a second copy of a quarter gigabyte.

use std::sync::Arc;

use byway_base::{TransportId, UnixTime, limits::GRAPH_TRANSPORTS};
use hashbrown::HashTable;

use super::{GraphError, Transport};
use crate::Metrics;

/// One transport in 48 bytes. Edges are slots of the node table, the kind a number of the type table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: TransportId,
    pub(crate) metrics: Metrics,
    pub(crate) edges: [u32; 2],
    /// Seconds since 1970; the largest number stands for all later ones.
    issued: u32,
    pub(crate) kind: u16,
    state: State,
}

/// Which edges call a transport up, and whether there is one in the row at all: a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State(u8);

impl State {
    const LIVE: u8 = 4;

    fn live(up: [bool; 2]) -> Self {
        Self(u8::from(up[0]) | u8::from(up[1]) << 1 | Self::LIVE)
    }
}

const _: () = assert!(size_of::<Row>() == 48);

impl Row {
    pub(super) fn new(transport: &Transport, edges: [u32; 2], kind: u16) -> Self {
        let mut row = Self {
            id: transport.id,
            metrics: transport.metrics,
            edges,
            issued: 0,
            kind,
            state: State::live(transport.up),
        };
        row.set_issued(transport.issued);
        row
    }

    pub(crate) fn usable(&self) -> bool {
        self.up() == [true, true]
    }

    pub(super) fn up(&self) -> [bool; 2] {
        [self.state.0 & 1 != 0, self.state.0 & 2 != 0]
    }

    pub(super) fn set_up(&mut self, up: [bool; 2]) {
        self.state = State::live(up);
    }

    fn is_live(&self) -> bool {
        self.state.0 & State::LIVE != 0
    }

    pub(super) fn issued(&self) -> UnixTime {
        UnixTime(self.issued.into())
    }

    pub(super) fn set_issued(&mut self, issued: UnixTime) {
        self.issued = u32::try_from(issued.0).unwrap_or(u32::MAX);
    }
}

/// Rows per chunk: 48 KiB to copy for one change.
const CHUNK: usize = 1_024;

/// All rows, cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    chunks: Vec<Arc<Vec<Row>>>,
}

impl Rows {
    #[inline]
    pub(crate) fn get(&self, index: usize) -> &Row {
        &self.chunks[index / CHUNK][index % CHUNK]
    }

    /// Every row in order, those that are not live included.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Row> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Every live row with its index.
    pub(crate) fn live(&self) -> impl Iterator<Item = (u32, &Row)> {
        (0..).zip(self.all()).filter(|(_, row)| row.is_live())
    }

    fn get_mut(&mut self, index: usize) -> &mut Row {
        &mut Arc::make_mut(&mut self.chunks[index / CHUNK])[index % CHUNK]
    }

    fn push(&mut self, row: Row) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push(row),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(row);
                self.chunks.push(Arc::new(chunk));
            }
        }
    }
}

/// Rows and their look-up by id.
///
/// The look-up holds row numbers only, which takes a quarter of a map that holds the ids again. Its hash is keyed by the
/// graph's seed because members can grind ids; nothing depends on its order.
#[derive(Default)]
pub(super) struct Table {
    rows: Rows,
    count: u32,
    free: Vec<u32>,
    by_id: HashTable<u32>,
    seed: u64,
}

/// An id is a hash already: whoever does not know the seed cannot choose ids that collide.
fn keyed_hash(seed: u64, id: &TransportId) -> u64 {
    super::fold(seed, id.as_bytes())
}

impl Table {
    pub(super) fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(super) fn check_room(&self) -> Result<(), GraphError> {
        let full = self.len() >= GRAPH_TRANSPORTS;
        if full { Err(GraphError::Full { what: "transports", limit: GRAPH_TRANSPORTS }) } else { Ok(()) }
    }

    pub(super) fn get(&self, id: &TransportId) -> Option<&Row> {
        self.find(id).map(|index| self.rows.get(index as usize))
    }

    /// Copies the row's chunk if a snapshot shares it: look with [`Table::get`] first whether anything changes.
    pub(super) fn get_mut(&mut self, id: &TransportId) -> Option<&mut Row> {
        let index = self.find(id)?;
        Some(self.rows.get_mut(index as usize))
    }

    /// Adds a row whose id is not there yet.
    pub(super) fn insert(&mut self, row: Row) {
        let hash = keyed_hash(self.seed, &row.id);
        let index = match self.free.pop() {
            Some(index) => {
                *self.rows.get_mut(index as usize) = row;
                index
            }
            None => {
                self.rows.push(row);
                self.count += 1;
                self.count - 1
            }
        };
        let (rows, seed) = (&self.rows, self.seed);
        self.by_id.insert_unique(hash, index, |at| keyed_hash(seed, &rows.get(*at as usize).id));
    }

    pub(super) fn remove(&mut self, id: &TransportId) -> Option<Row> {
        let (rows, hash) = (&self.rows, keyed_hash(self.seed, id));
        let entry = self.by_id.find_entry(hash, |at| rows.get(*at as usize).id == *id).ok()?;
        let (index, _) = entry.remove();
        let row = self.rows.get_mut(index as usize);
        let removed = row.clone();
        row.state = State(0);
        self.free.push(index);
        Some(removed)
    }

    fn find(&self, id: &TransportId) -> Option<u32> {
        let hash = keyed_hash(self.seed, id);
        self.by_id.find(hash, |at| self.rows.get(*at as usize).id == *id).copied()
    }
}
