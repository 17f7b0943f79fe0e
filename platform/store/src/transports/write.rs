//! How rows of transports and nodes are written, many at once, together with their changes.

use byway_base::{PublicKey, TransportId, UnixTime};

use super::held::{Held, select_transports};
use crate::{
    Store, StoreError,
    changes::{self, Entry, Kind, Subject},
    db::{Query, Tx, query, query_of, rows},
};

/// Rows in one statement.
const CHUNK: usize = 500;

/// Everything that a transaction changes, before it has numbers.
#[derive(Debug, Default)]
pub(super) struct Batch {
    transports: Vec<(Held, Kind)>,
    nodes: Vec<PublicKey>,
    gone: Vec<(TransportId, Kind)>,
}

impl Batch {
    pub(super) fn transport(&mut self, held: Held, kind: Kind) {
        self.transports.push((held, kind));
    }

    pub(super) fn node(&mut self, node: PublicKey) {
        self.nodes.push(node);
    }

    pub(super) fn gone(&mut self, id: TransportId, kind: Kind) {
        self.gone.push((id, kind));
    }

    /// Writes the rows, appends the changes and commits. The rows must be locked. Answers the transports as written.
    pub(super) async fn commit(
        mut self,
        store: &Store,
        mut tx: Tx,
        now: UnixTime,
    ) -> Result<Vec<Held>, StoreError> {
        let count = self.transports.len() + self.nodes.len() + self.gone.len();
        if count == 0 {
            tx.commit().await?;
            return Ok(Vec::new());
        }
        let first = changes::take(&mut tx, count).await?;
        for ((held, _), sequence) in self.transports.iter_mut().zip(first..) {
            held.view.sequence = sequence;
        }
        for chunk in self.transports.chunks(CHUNK) {
            tx.execute(update(chunk)).await?;
        }
        let transports = self.transports.iter().map(|(held, kind)| (Subject::Transport(held.view.id), *kind));
        let nodes = self.nodes.iter().map(|node| (Subject::Node(*node), Kind::Node));
        let gone = self.gone.iter().map(|(id, kind)| (Subject::Transport(*id), *kind));
        let entries: Vec<_> =
            transports.chain(nodes).chain(gone).map(|(subject, kind)| Entry { kind, subject }).collect();
        changes::append(&mut tx, first, &entries, now).await?;
        store.commit_logged(tx).await?;
        Ok(self.transports.into_iter().map(|(held, _)| held).collect())
    }
}

/// Locks and reads one transport.
pub(super) async fn lock(tx: &mut Tx, id: &TransportId) -> Result<Option<Held>, StoreError> {
    // The outer-joined nodes cannot be locked, and need not be.
    let read = if tx.is_pg() {
        select_transports!("WHERE t.id = $1 FOR UPDATE OF t")
    } else {
        select_transports!("WHERE t.id = $1")
    };
    let found = tx.fetch(query(read).bind(id)).await?;
    found.first().map(Held::from_row).transpose()
}

/// Reads all transports of a node, locking them in the order of their ids if they may be written.
pub(super) async fn of_node(tx: &mut Tx, node: &PublicKey, lock: bool) -> Result<Vec<Held>, StoreError> {
    let read = if lock && tx.is_pg() {
        select_transports!("WHERE t.edge_a = $1 OR t.edge_b = $1 ORDER BY t.id FOR UPDATE OF t")
    } else {
        select_transports!("WHERE t.edge_a = $1 OR t.edge_b = $1 ORDER BY t.id")
    };
    tx.fetch(query(read).bind(node)).await?.iter().map(Held::from_row).collect()
}

/// Renews the lease of a node that need not be known yet, up to `until` at least.
pub(super) async fn renew(tx: &mut Tx, node: &PublicKey, until: UnixTime) -> Result<(), StoreError> {
    let renew = "INSERT INTO nodes (node, renewed, live) VALUES ($1, $2, TRUE) \
        ON CONFLICT (node) DO UPDATE SET live = TRUE, \
        renewed = CASE WHEN excluded.renewed > nodes.renewed THEN excluded.renewed ELSE nodes.renewed END";
    tx.execute(query(renew).bind(node).bind(until)).await?;
    Ok(())
}

/// A row of which nobody has said anything, unless there is one. The claims follow with the [`Batch`].
pub(super) fn insert(held: &Held) -> Query {
    let insert = "INSERT INTO transports (id, edge_a, edge_b, kind, issued, signature_a, signature_b, \
        up, since, sequence, up_a, said_a, rtt_a, loss_a, use_a, up_b, said_b, rtt_b, loss_b, use_b) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE, $8, 0, FALSE, 0, 0, 0, 0, FALSE, 0, 0, 0, 0) \
        ON CONFLICT (id) DO NOTHING";
    let signed = &held.view.signed;
    query(insert)
        .bind(&held.view.id)
        .bind(&signed.entry.edges[0])
        .bind(&signed.entry.edges[1])
        .bind(signed.entry.kind.as_str())
        .bind(signed.entry.issued)
        .bind(&signed.signatures[0])
        .bind(&signed.signatures[1])
        .bind(held.since)
}

/// Puts a newer entry in place of the row's.
pub(super) fn replace(held: &Held) -> Query {
    let signed = &held.view.signed;
    query("UPDATE transports SET issued = $2, signature_a = $3, signature_b = $4 WHERE id = $1")
        .bind(&held.view.id)
        .bind(signed.entry.issued)
        .bind(&signed.signatures[0])
        .bind(&signed.signatures[1])
}

/// Everything about some rows that claims change.
fn update(chunk: &[(Held, Kind)]) -> Query {
    let values = rows(1, 14, chunk.len());
    let mut update = query_of(format!(
        "WITH v (id, up, since, sequence, up_a, said_a, rtt_a, loss_a, use_a, up_b, said_b, rtt_b, loss_b, use_b) \
        AS (VALUES {values}) UPDATE transports SET up = v.up, since = v.since, sequence = v.sequence, \
        up_a = v.up_a, said_a = v.said_a, rtt_a = v.rtt_a, loss_a = v.loss_a, use_a = v.use_a, \
        up_b = v.up_b, said_b = v.said_b, rtt_b = v.rtt_b, loss_b = v.loss_b, use_b = v.use_b \
        FROM v WHERE transports.id = v.id"
    ));
    for (held, _) in chunk {
        update = update.bind(&held.view.id).bind(held.is_up()).bind(held.since).bind(held.view.sequence);
        for (claim, said) in held.view.claims.iter().zip(held.said) {
            let metrics = claim.metrics;
            update = update.bind(claim.up).bind(said);
            update = update.bind(metrics.rtt_us).bind(metrics.loss_ppm).bind(metrics.throughput_bps);
        }
    }
    update
}
