//! The mirror of all transports: takes changes, hands out the compact form.
//!
//! Changes touch small tables only. [`Graph::snapshot`] builds the compact form when it is asked for and something has
//! changed: wholly after a transport or its state changed, by sharing the adjacency after mere metrics changed, not at
//! all otherwise. So the caller decides how many changes one rebuild covers; a search never pays for one.

mod nodes;
mod rows;
mod types;

use std::sync::Arc;

use byway_base::{PublicKey, TransportId, TransportType, UnixTime};

use crate::{Csr, Metrics};
use nodes::Nodes;
pub(crate) use nodes::Ranking;
use rows::Table;
pub(crate) use rows::{Row, Rows};
use types::Types;

/// A transport as transport discovery tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// Its id, which is taken as given: whoever verified the entry verified that it fits edges and type.
    pub id: TransportId,
    /// Its type.
    pub kind: TransportType,
    /// When its entry was issued; to the second, and no later than 2106 as the graph remembers it.
    pub issued: UnixTime,
    /// Its two edges.
    pub edges: [PublicKey; 2],
    /// Whether each edge says that it is up, in the order of `edges`. Usable only while both do.
    pub up: [bool; 2],
    /// The worse of what both edges report.
    pub metrics: Metrics,
}

/// Why a change was refused. The graph is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Both edges are the same node.
    #[error("both edges of the transport are the same node")]
    SameEdges,
    /// A limit of the mirror is reached (`GRAPH_NODES`, `GRAPH_TRANSPORTS`, `GRAPH_TYPES`).
    #[error("the graph holds its maximum of {limit} {what}")]
    Full {
        /// Nodes, transports or transport types.
        what: &'static str,
        /// How many it holds at most.
        limit: usize,
    },
}

/// How much a graph holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Nodes that have a transport or refuse transit.
    pub nodes: usize,
    /// Transports, whatever their state.
    pub transports: usize,
    /// Transports that both edges call up.
    pub usable: usize,
}

/// What the latest compact form lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stale {
    Nothing,
    Metrics,
    Topology,
}

/// All transports and the nodes between them, changeable. See the module's head for what a change costs.
pub struct Graph {
    nodes: Nodes,
    types: Types,
    table: Table,
    usable: usize,
    stale: Stale,
    latest: Arc<Csr>,
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl Graph {
    /// An empty graph whose look-up anybody can predict; for tests and for graphs of trusted members.
    #[must_use]
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// An empty graph. A random `seed` keeps members from slowing the look-up down by ids that they ground.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            nodes: Nodes::seeded(seed),
            types: Types::default(),
            table: Table::seeded(seed),
            usable: 0,
            stale: Stale::Topology,
            latest: Arc::new(Csr::default()),
        }
    }

    /// Adds a transport, or replaces the one of the same id. Several transports between two nodes stay apart.
    ///
    /// # Errors
    /// [`GraphError`] if the entry is senseless or a limit is reached.
    pub fn upsert(&mut self, transport: &Transport) -> Result<(), GraphError> {
        if transport.edges[0] == transport.edges[1] {
            return Err(GraphError::SameEdges);
        }
        if let Some(row) = self.table.get(&transport.id)
            && self.types.name(row.kind) == &transport.kind
            && row.edges.map(|slot| self.nodes.key(slot)) == transport.edges
        {
            if row.issued() != transport.issued
                && let Some(row) = self.table.get_mut(&transport.id)
            {
                row.set_issued(transport.issued);
            }
            self.set_state(&transport.id, transport.up);
            self.set_metrics(&transport.id, transport.metrics);
            return Ok(());
        }
        // An id that comes back with other edges or another type is replaced whole. The limits are checked first, so
        // that a refusal changes nothing.
        self.check_room(transport)?;
        self.remove(&transport.id);
        let edges = transport.edges.map(|key| self.nodes.attach(key));
        let row = Row::new(transport, edges, self.types.hold(&transport.kind));
        self.usable += usize::from(row.usable());
        self.table.insert(row);
        self.stale = Stale::Topology;
        Ok(())
    }

    /// Removes a transport; whether there was one of that id.
    pub fn remove(&mut self, id: &TransportId) -> bool {
        let Some(row) = self.table.remove(id) else { return false };
        for slot in row.edges {
            self.nodes.detach(slot);
        }
        self.types.release(row.kind);
        self.usable -= usize::from(row.usable());
        self.stale = Stale::Topology;
        true
    }

    /// Sets what each edge says of a transport, in the order of its edges; whether there is one of that id.
    pub fn set_state(&mut self, id: &TransportId, up: [bool; 2]) -> bool {
        let Some(row) = self.table.get(id) else { return false };
        if row.up() == up {
            return true;
        }
        let before = row.usable();
        let row = self.table.get_mut(id).expect("the row was there a line ago");
        row.set_up(up);
        let after = row.usable();
        if before != after {
            self.usable = self.usable + usize::from(after) - usize::from(before);
            self.stale = Stale::Topology;
        }
        true
    }

    /// Sets a transport's metrics; whether there is one of that id.
    pub fn set_metrics(&mut self, id: &TransportId, metrics: Metrics) -> bool {
        let Some(row) = self.table.get(id) else { return false };
        if row.metrics != metrics {
            self.table.get_mut(id).expect("the row was there a line ago").metrics = metrics;
            self.stale = self.stale.max(Stale::Metrics);
        }
        true
    }

    /// Sets whether a node refuses to be an intermediate of other nodes' routes. A node that nobody heard of does not.
    ///
    /// # Errors
    /// [`GraphError::Full`] if the node is new and the graph holds its maximum of nodes.
    pub fn set_node(&mut self, key: PublicKey, no_transit: bool) -> Result<(), GraphError> {
        if self.nodes.get(&key).is_none() && no_transit {
            self.nodes.check_room(1)?;
        }
        if self.nodes.set_no_transit(key, no_transit) {
            self.stale = Stale::Topology;
        }
        Ok(())
    }

    /// A transport as it stands.
    #[must_use]
    pub fn transport(&self, id: &TransportId) -> Option<Transport> {
        let row = self.table.get(id)?;
        Some(Transport {
            id: row.id,
            kind: self.types.name(row.kind).clone(),
            issued: row.issued(),
            edges: row.edges.map(|slot| self.nodes.key(slot)),
            up: row.up(),
            metrics: row.metrics,
        })
    }

    /// When the entry of this id was issued, if the graph holds one of exactly these edges in this order and this type.
    #[must_use]
    pub fn issued(&self, id: &TransportId, edges: &[PublicKey; 2], kind: &TransportType) -> Option<UnixTime> {
        let row = self.table.get(id)?;
        let same = self.types.name(row.kind) == kind && row.edges.map(|slot| self.nodes.key(slot)) == *edges;
        same.then(|| row.issued())
    }

    /// How much the graph holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { nodes: self.nodes.len(), transports: self.table.len(), usable: self.usable }
    }

    /// The compact form of the present state. The same one as before if nothing changed since.
    pub fn snapshot(&mut self) -> Arc<Csr> {
        match self.stale {
            Stale::Nothing => {}
            Stale::Metrics => self.latest = Arc::new(self.latest.with_rows(self.table.rows().clone())),
            Stale::Topology => {
                let ranking = self.nodes.ranking();
                let refuses = |slot| self.nodes.refuses_transit(slot);
                let rows = self.table.rows().clone();
                self.latest = Arc::new(Csr::new(&ranking, refuses, self.types.names(), rows));
            }
        }
        self.stale = Stale::Nothing;
        Arc::clone(&self.latest)
    }

    fn check_room(&self, transport: &Transport) -> Result<(), GraphError> {
        if self.table.get(&transport.id).is_none() {
            self.table.check_room()?;
        }
        self.nodes.check_room(transport.edges.iter().filter(|key| self.nodes.get(key).is_none()).count())?;
        self.types.check_room(&transport.kind)
    }
}

/// Folds sixteen bytes with a seed into a hash.
fn fold(seed: u64, bytes: &[u8]) -> u64 {
    let (low, high) = bytes.split_at(8);
    let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let product = u128::from(word(low) ^ seed) * u128::from(word(high) ^ seed.rotate_left(32) | 1);
    (product >> 64) as u64 ^ product as u64
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("counts", &self.counts()).field("stale", &self.stale).finish()
    }
}

#[cfg(test)]
mod tests;
