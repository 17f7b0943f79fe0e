//! How rows of transports are written, many at once, together with the changes that they make.

use std::collections::{BTreeMap, BTreeSet};

use byway_api::transport_discovery::{TransportState, TransportView};
use byway_base::{PublicKey, TransportId, TransportType, UnixTime, limits::STORE_BATCH};

use super::held::{Held, select_transports};
use crate::{
    Store, StoreError,
    changes::{self, Entry, Kind, Subject},
    db::{Table, Tx, Value, query},
};

/// What a transaction does to one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// There is no row yet.
    Insert,
    /// A newer entry takes the place of the row's, which was in this state.
    Replace(TransportState),
    /// What edges say changes; the row was in this state.
    Update(TransportState),
    /// The row goes.
    Delete,
}

/// Everything that a transaction changes about transports, before it has numbers.
#[derive(Debug, Default)]
pub(super) struct Batch {
    transports: Vec<(Held, Doing, Kind)>,
    nodes: Vec<PublicKey>,
}

/// What a [`Batch`] has written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Number of its first change; also the mark of every edge of what it changed.
    pub(super) first: u64,
    /// The transports since then.
    pub(super) views: Vec<TransportView>,
}

impl Batch {
    pub(super) fn transport(&mut self, held: Held, doing: Doing, kind: Kind) {
        self.transports.push((held, doing, kind));
    }

    /// What the node says of forwarding for others is written already.
    pub(super) fn node(&mut self, node: PublicKey) {
        self.nodes.push(node);
    }

    /// Writes the rows, appends the changes and commits. The transaction has the lock of the change log.
    pub(super) async fn commit(
        mut self,
        store: &Store,
        mut tx: Tx,
        now: UnixTime,
    ) -> Result<Written, StoreError> {
        let count = self.transports.len() + self.nodes.len();
        if count == 0 {
            tx.commit().await?;
            return Ok(Written::default());
        }
        let first = changes::take(&mut tx, count).await?;
        for ((held, ..), sequence) in self.transports.iter_mut().zip(first..) {
            held.view.sequence = sequence;
        }
        self.write(&mut tx).await?;
        self.mark_edges(&mut tx, first).await?;
        self.count(&mut tx).await?;
        let transports =
            self.transports.iter().map(|(held, _, kind)| (Subject::Transport(held.view.id), *kind));
        let nodes = self.nodes.iter().map(|node| (Subject::Node(*node), Kind::Node));
        let entries: Vec<_> =
            transports.chain(nodes).map(|(subject, kind)| Entry { kind, subject }).collect();
        changes::append(&mut tx, first, &entries, now).await?;
        store.commit_logged(tx).await?;
        Ok(Written { first, views: self.transports.into_iter().map(|(held, ..)| held.view).collect() })
    }

    async fn write(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut gone = Table::new(&["id"]);
        let mut entries = Table::new(&[
            "edge_a",
            "edge_b",
            "kind",
            "issued",
            "signature_a",
            "signature_b",
            "id",
            "up",
            "since",
            "sequence",
            "up_a",
            "said_a",
            "rtt_a",
            "loss_a",
            "use_a",
            "up_b",
            "said_b",
            "rtt_b",
            "loss_b",
            "use_b",
        ]);
        let mut replaced = Table::new(&["id", "issued", "signature_a", "signature_b"]);
        let mut claims = Table::new(&[
            "id", "up", "since", "sequence", "up_a", "said_a", "rtt_a", "loss_a", "use_a", "up_b", "said_b",
            "rtt_b", "loss_b", "use_b",
        ]);
        for (held, doing, _) in &self.transports {
            let signed = &held.view.signed;
            let entry =
                [signed.entry.issued.into(), (&signed.signatures[0]).into(), (&signed.signatures[1]).into()];
            match doing {
                Doing::Delete => gone.row([Value::from(&held.view.id)]),
                Doing::Insert => {
                    let [edge_a, edge_b] = signed.entry.edges.each_ref().map(Value::from);
                    let names = [edge_a, edge_b, signed.entry.kind.as_str().into()];
                    entries.row(names.into_iter().chain(entry).chain(claims_row(held)));
                }
                Doing::Replace(_) => {
                    replaced.row([Value::from(&held.view.id)].into_iter().chain(entry));
                    claims.row(claims_row(held));
                }
                Doing::Update(_) => claims.row(claims_row(held)),
            }
        }
        let insert = "INSERT INTO transports (edge_a, edge_b, kind, issued, signature_a, signature_b, id, up, since, \
            sequence, up_a, said_a, rtt_a, loss_a, use_a, up_b, said_b, rtt_b, loss_b, use_b) SELECT v.* FROM v";
        let replace = "UPDATE transports SET issued = v.issued, signature_a = v.signature_a, \
            signature_b = v.signature_b FROM v WHERE transports.id = v.id";
        let claim = "UPDATE transports SET up = v.up, since = v.since, sequence = v.sequence, \
            up_a = v.up_a, said_a = v.said_a, rtt_a = v.rtt_a, loss_a = v.loss_a, use_a = v.use_a, \
            up_b = v.up_b, said_b = v.said_b, rtt_b = v.rtt_b, loss_b = v.loss_b, use_b = v.use_b \
            FROM v WHERE transports.id = v.id";
        let delete = "DELETE FROM transports WHERE id IN (SELECT id FROM v)";
        for (statement, table) in [(insert, entries), (replace, replaced), (claim, claims), (delete, gone)] {
            for chunk in table.chunks(STORE_BATCH) {
                tx.execute(query(statement).with(chunk)).await?;
            }
        }
        Ok(())
    }

    /// Marks the edges of what changes with a number that no other transaction has, so that whoever remembers their
    /// transports from before can tell.
    async fn mark_edges(&self, tx: &mut Tx, number: u64) -> Result<(), StoreError> {
        let edges: BTreeSet<_> =
            self.transports.iter().flat_map(|(held, ..)| held.view.signed.entry.edges).collect();
        let mark = "UPDATE nodes SET changed = $1 FROM v WHERE nodes.node = v.node";
        for chunk in Table::of(&["node"], &edges).chunks(STORE_BATCH) {
            tx.execute(query(mark).bind(number).with(chunk)).await?;
        }
        Ok(())
    }

    /// Keeps the counts by type and state.
    async fn count(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut changes: BTreeMap<(&TransportType, bool), i64> = BTreeMap::new();
        for (held, doing, _) in &self.transports {
            let (kind, present) = (&held.view.signed.entry.kind, held.view.state);
            let (before, after) = match doing {
                Doing::Insert => (None, Some(present)),
                Doing::Replace(before) | Doing::Update(before) => (Some(*before), Some(present)),
                Doing::Delete => (Some(present), None),
            };
            for (state, difference) in [(before, -1), (after, 1)] {
                if let Some(state) = state {
                    *changes.entry((kind, state == TransportState::Up)).or_default() += difference;
                }
            }
        }
        let mut table = Table::new(&["kind", "up", "n"]);
        for ((kind, up), difference) in changes.into_iter().filter(|(_, difference)| *difference != 0) {
            table.row([kind.as_str().into(), up.into(), difference.into()]);
        }
        let count = "INSERT INTO transport_counts (kind, up, n) SELECT v.kind, v.up, v.n FROM v WHERE TRUE \
            ON CONFLICT (kind, up) DO UPDATE SET n = transport_counts.n + excluded.n";
        for chunk in table.chunks(STORE_BATCH) {
            tx.execute(query(count).with(chunk)).await?;
        }
        Ok(())
    }
}

/// Keeps the count of nodes.
pub(super) async fn count_nodes(tx: &mut Tx, difference: i64) -> Result<(), StoreError> {
    tx.execute(query("UPDATE counters SET value = value + $1 WHERE name = 'nodes'").bind(difference)).await?;
    Ok(())
}

fn claims_row(held: &Held) -> [Value; 14] {
    let [a, b] = [0, 1].map(|side| (held.view.claims[side], held.said[side]));
    [
        Value::from(&held.view.id),
        (held.view.state == TransportState::Up).into(),
        held.since.into(),
        held.view.sequence.into(),
        a.0.up.into(),
        a.1.into(),
        a.0.metrics.rtt_us.into(),
        a.0.metrics.loss_ppm.into(),
        a.0.metrics.throughput_bps.into(),
        b.0.up.into(),
        b.1.into(),
        b.0.metrics.rtt_us.into(),
        b.0.metrics.loss_ppm.into(),
        b.0.metrics.throughput_bps.into(),
    ]
}

/// Reads transports by their ids; the transaction has the lock of the change log if they are to be written.
pub(super) async fn by_ids<'a>(
    tx: &mut Tx,
    ids: impl IntoIterator<Item = &'a TransportId>,
) -> Result<BTreeMap<TransportId, Held>, StoreError> {
    read(tx, ids, select_transports!("FROM v JOIN transports t ON t.id = v.key", "")).await
}

/// Reads all transports of some nodes.
pub(super) async fn by_nodes<'a>(
    tx: &mut Tx,
    nodes: impl IntoIterator<Item = &'a PublicKey> + Clone,
) -> Result<BTreeMap<TransportId, Held>, StoreError> {
    let at_a = select_transports!("FROM v JOIN transports t ON t.edge_a = v.key", "");
    let at_b = select_transports!("FROM v JOIN transports t ON t.edge_b = v.key", "");
    let mut found = read(tx, nodes.clone(), at_a).await?;
    found.append(&mut read(tx, nodes, at_b).await?);
    Ok(found)
}

async fn read<T: Into<Value>>(
    tx: &mut Tx,
    keys: impl IntoIterator<Item = T>,
    select: &'static str,
) -> Result<BTreeMap<TransportId, Held>, StoreError> {
    let mut found = BTreeMap::new();
    for chunk in Table::of(&["key"], keys).chunks(STORE_BATCH) {
        for row in &tx.fetch(query(select).with(chunk)).await? {
            let held = Held::from_row(row)?;
            found.insert(held.view.id, held);
        }
    }
    Ok(found)
}
