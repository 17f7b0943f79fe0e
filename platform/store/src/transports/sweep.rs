//! What time does to transports: leases pass, and what stays down is dropped.

use std::time::Duration;

use byway_base::{
    PublicKey, UnixTime,
    limits::{LEASE, TOMBSTONE_RETENTION, TRANSPORT_RETENTION},
};

use super::{
    Transports,
    write::{self, Batch},
};
use crate::{
    StoreError,
    changes::{self, Kind},
    db::{query, query_of, rows},
};

/// Rows handled in one transaction, so that a sweep after an outage does not hold its locks for long.
const CHUNK: usize = 500;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Nodes whose lease passed.
    pub lapsed: u64,
    /// Transports that went down with them.
    pub down: u64,
    /// Transports dropped after having been down for long.
    pub expired: u64,
}

impl Transports<'_> {
    /// Takes down what the nodes with passed leases said, drops what has been down for [`TRANSPORT_RETENTION`], and
    /// clears what nobody needs any more. Several replicas may do it at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`]; what was done until then stays done.
    pub async fn sweep(&self, now: UnixTime) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        loop {
            let overdue = "SELECT node FROM nodes WHERE live AND renewed < $1 ORDER BY renewed LIMIT 500";
            let found = self.store.fetch(query(overdue).bind(before(now, LEASE))).await?;
            for row in &found {
                let down = self.lapse(&row.key("node")?, now).await?;
                swept.lapsed += u64::from(down.is_some());
                swept.down += down.unwrap_or(0);
            }
            if found.len() < CHUNK {
                break;
            }
        }
        loop {
            let expired = self.expire(now).await?;
            swept.expired += expired as u64;
            if expired < CHUNK {
                break;
            }
        }
        self.clear(now).await?;
        Ok(swept)
    }

    /// Ends a node's lease; answers how many transports went down, or `None` if it was renewed meanwhile.
    async fn lapse(&self, node: &PublicKey, now: UnixTime) -> Result<Option<u64>, StoreError> {
        let mut tx = self.store.begin().await?;
        let held = write::of_node(&mut tx, node, true).await?;
        let end = "UPDATE nodes SET live = FALSE WHERE node = $1 AND live AND renewed < $2";
        if tx.execute(query(end).bind(node).bind(before(now, LEASE))).await? == 0 {
            return Ok(None);
        }
        let mut batch = Batch::default();
        let mut down = 0;
        for mut held in held {
            let Some(side) = held.side(node) else { continue };
            let metrics = held.view.claims[side].metrics;
            if let Some(kind) = held.claim(side, false, metrics, now) {
                down += u64::from(kind == Kind::State);
                batch.transport(held, kind);
            }
        }
        batch.commit(self.store, tx, now).await?;
        Ok(Some(down))
    }

    /// Drops one chunk of transports that were down for long.
    async fn expire(&self, now: UnixTime) -> Result<usize, StoreError> {
        let mut tx = self.store.begin().await?;
        let stale = if tx.is_pg() {
            "SELECT id FROM transports WHERE NOT up AND since < $1 ORDER BY id LIMIT 500 FOR UPDATE"
        } else {
            "SELECT id FROM transports WHERE NOT up AND since < $1 ORDER BY id LIMIT 500"
        };
        let found = tx.fetch(query(stale).bind(before(now, TRANSPORT_RETENTION))).await?;
        if found.is_empty() {
            return Ok(0);
        }
        let places = rows(1, 1, found.len());
        let delete =
            format!("WITH v (id) AS (VALUES {places}) DELETE FROM transports WHERE id IN (SELECT id FROM v)");
        let mut delete = query_of(delete);
        let mut batch = Batch::default();
        for row in &found {
            let id = row.transport_id("id")?;
            delete = delete.bind(&id);
            batch.gone(id, Kind::Expired);
        }
        tx.execute(delete).await?;
        batch.commit(self.store, tx, now).await?;
        Ok(found.len())
    }

    /// Forgets nodes without transports, old tombstones and old changes.
    async fn clear(&self, now: UnixTime) -> Result<(), StoreError> {
        let newest = self.newest().await?;
        let nodes = "DELETE FROM nodes WHERE NOT live AND renewed < $1 \
            AND NOT EXISTS (SELECT 1 FROM transports WHERE edge_a = nodes.node) \
            AND NOT EXISTS (SELECT 1 FROM transports WHERE edge_b = nodes.node)";
        let tombstones = "DELETE FROM transport_tombstones WHERE deleted < $1";
        for clear in [
            query(nodes).bind(before(now, TRANSPORT_RETENTION)),
            query(tombstones).bind(before(now, TOMBSTONE_RETENTION)),
            changes::prune(newest),
        ] {
            let mut tx = self.store.begin().await?;
            tx.execute(clear).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn before(now: UnixTime, span: Duration) -> UnixTime {
    UnixTime(now.0.saturating_sub(span.as_secs()))
}
