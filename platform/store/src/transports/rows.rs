//! The rows that one transaction reads, works on in memory, and writes.

use std::collections::{BTreeMap, BTreeSet};

use byway_api::transport_discovery::Metrics;
use byway_base::{PublicKey, TransportId, UnixTime, limits::STORE_BATCH};

use super::{
    heartbeat::Beat,
    held::Held,
    register::Wish,
    write::{self, Batch, Doing},
};
use crate::{
    StoreError,
    changes::Kind,
    db::{Row, Table, Tx, query},
};

/// What a transaction has in its hands.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The transports that entries are for, and all those of the nodes that report.
    pub(super) held: BTreeMap<TransportId, Working>,
    /// Which transports a node that reports has.
    pub(super) of_node: BTreeMap<PublicKey, BTreeSet<TransportId>>,
    pub(super) nodes: BTreeMap<PublicKey, Node>,
    /// When the transports were deleted that entries are for.
    pub(super) tombstones: BTreeMap<TransportId, UnixTime>,
    /// How many transports the nodes have that hand in new ones.
    pub(super) counts: BTreeMap<PublicKey, usize>,
}

/// A transport that is worked on.
#[derive(Debug)]
pub(super) struct Working {
    pub(super) held: Held,
    pub(super) doing: Doing,
    /// What happened to it that readers are told.
    pub(super) news: Option<Kind>,
}

/// A row of `nodes`; one of which nobody has heard, unless it was read.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Whether there is a row.
    there: bool,
    renewed: UnixTime,
    pub(super) transit: Option<bool>,
    pub(super) said: UnixTime,
    pub(super) mark: u64,
    pub(super) changed: u64,
    /// Whether it must be written.
    touched: bool,
}

impl Working {
    /// Takes what an edge says.
    pub(super) fn claim(&mut self, side: usize, up: bool, metrics: Metrics, now: UnixTime) {
        // The kinds that say more come first.
        self.news = self.held.claim(side, up, metrics, now).into_iter().chain(self.news).min();
    }
}

impl Node {
    /// Renews its lease, up to `until` at least.
    pub(super) fn renew(&mut self, until: UnixTime) {
        self.renewed = self.renewed.max(until);
        self.touched = true;
    }

    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            there: true,
            renewed: row.time("renewed")?,
            transit: if row.is_null("transit")? { None } else { Some(row.bool("transit")?) },
            said: row.time("said")?,
            mark: row.int("mark")?.cast_unsigned(),
            changed: row.count("changed")?,
            touched: false,
        })
    }
}

impl Rows {
    /// Reads all that some beats and registrations concern. The transaction has the lock of the change log.
    pub(super) async fn read(tx: &mut Tx, beats: &[&Beat], wishes: &[&Wish]) -> Result<Self, StoreError> {
        let mut rows = Self::default();
        let reporting: BTreeSet<_> = beats.iter().map(|beat| beat.node).collect();
        let mut held = write::by_nodes(tx, &reporting).await?;
        let entries: BTreeSet<_> = wishes.iter().map(|wish| wish.id).collect();
        held.append(&mut write::by_ids(tx, &entries).await?);
        rows.of_node = reporting.iter().map(|node| (*node, BTreeSet::new())).collect();
        for held in held.into_values() {
            rows.list(&held);
            let doing = Doing::Update(held.view.state);
            rows.held.insert(held.view.id, Working { held, doing, news: None });
        }
        let edges = wishes.iter().flat_map(|wish| wish.signed.entry.edges);
        rows.read_nodes(tx, edges.chain(reporting).collect()).await?;
        rows.read_tombstones(tx, entries).await?;
        let new = wishes.iter().filter(|wish| !rows.held.contains_key(&wish.id));
        let new = new.map(|wish| wish.edge).collect();
        rows.read_counts(tx, new).await?;
        Ok(rows)
    }

    /// Adds a transport that has no row.
    pub(super) fn insert(&mut self, held: Held) {
        self.list(&held);
        let news = Some(Kind::Registered);
        self.held.insert(held.view.id, Working { held, doing: Doing::Insert, news });
    }

    fn list(&mut self, held: &Held) {
        for edge in held.view.signed.entry.edges {
            if let Some(ids) = self.of_node.get_mut(&edge) {
                ids.insert(held.view.id);
            }
        }
    }

    /// A statement that renews leases passes these rows over while they are locked.
    async fn read_nodes(&mut self, tx: &mut Tx, nodes: BTreeSet<PublicKey>) -> Result<(), StoreError> {
        let read = if tx.is_pg() {
            "SELECT n.* FROM v JOIN nodes n ON n.node = v.node FOR UPDATE OF n"
        } else {
            "SELECT n.* FROM v JOIN nodes n ON n.node = v.node"
        };
        for chunk in Table::of(&["node"], &nodes).chunks(STORE_BATCH) {
            for row in &tx.fetch(query(read).with(chunk)).await? {
                self.nodes.insert(row.key("node")?, Node::from_row(row)?);
            }
        }
        Ok(())
    }

    async fn read_tombstones(&mut self, tx: &mut Tx, ids: BTreeSet<TransportId>) -> Result<(), StoreError> {
        let read = "SELECT d.id, d.deleted FROM v JOIN transport_tombstones d ON d.id = v.id";
        for chunk in Table::of(&["id"], &ids).chunks(STORE_BATCH) {
            for row in &tx.fetch(query(read).with(chunk)).await? {
                self.tombstones.insert(row.transport_id("id")?, row.time("deleted")?);
            }
        }
        Ok(())
    }

    async fn read_counts(&mut self, tx: &mut Tx, nodes: BTreeSet<PublicKey>) -> Result<(), StoreError> {
        let count = "SELECT v.node, (SELECT COUNT(*) FROM transports WHERE edge_a = v.node) \
            + (SELECT COUNT(*) FROM transports WHERE edge_b = v.node) AS n FROM v";
        for chunk in Table::of(&["node"], &nodes).chunks(STORE_BATCH) {
            for row in &tx.fetch(query(count).with(chunk)).await? {
                let count = usize::try_from(row.count("n")?).unwrap_or(usize::MAX);
                self.counts.insert(row.key("node")?, count);
            }
        }
        Ok(())
    }

    /// Writes what was touched of the nodes.
    pub(super) async fn write_nodes(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut table = Table::new(&["node", "renewed", "transit", "said", "mark"]);
        let mut new = 0;
        for (key, node) in self.nodes.iter().filter(|(_, node)| node.touched) {
            new += i64::from(!node.there);
            // The column is null until the node has said something.
            let transit = node.transit.map_or(-1, i64::from);
            let mark = node.mark.cast_signed();
            table.row([key.into(), node.renewed.into(), transit.into(), node.said.into(), mark.into()]);
        }
        let write = "INSERT INTO nodes (node, renewed, live, transit, said, mark) \
            SELECT v.node, v.renewed, TRUE, CASE v.transit WHEN 0 THEN FALSE WHEN 1 THEN TRUE END, v.said, v.mark \
            FROM v WHERE TRUE ON CONFLICT (node) DO UPDATE SET live = TRUE, renewed = excluded.renewed, \
            transit = excluded.transit, said = excluded.said, mark = excluded.mark";
        for chunk in table.chunks(STORE_BATCH) {
            tx.execute(query(write).with(chunk)).await?;
        }
        if new > 0 {
            write::count_nodes(tx, new).await?;
        }
        Ok(())
    }

    /// The transports that have news.
    pub(super) fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for working in self.held.values() {
            if let Some(kind) = working.news {
                batch.transport(working.held.clone(), working.doing, kind);
            }
        }
        batch
    }
}
