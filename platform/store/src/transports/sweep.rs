//! What time does to transports: leases pass, and what stays down is dropped.

use std::time::Duration;

use byway_base::{
    UnixTime,
    limits::{LEASE, TOMBSTONE_RETENTION, TRANSPORT_RETENTION},
};

use super::{
    Transports,
    write::{self, Batch, Doing},
};
use crate::{
    StoreError,
    changes::{self, Kind},
    db::query,
};

/// Nodes whose leases end in one transaction, so that a sweep after an outage does not hold its lock for long.
const NODES: usize = 200;
/// Transports dropped in one transaction, for the same reason.
const CHUNK: usize = 1_000;

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
            let (lapsed, down) = self.lapse(now).await?;
            swept.lapsed += lapsed as u64;
            swept.down += down;
            if lapsed < NODES {
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

    /// Ends some leases that have passed; answers how many, and how many transports went down.
    async fn lapse(&self, now: UnixTime) -> Result<(usize, u64), StoreError> {
        let mut tx = self.store.begin_change().await?;
        // Looked at twice, as a heartbeat may come in between.
        let end = "UPDATE nodes SET live = FALSE WHERE live = TRUE AND renewed < $1 AND node IN \
            (SELECT node FROM nodes WHERE live = TRUE AND renewed < $1 ORDER BY renewed LIMIT $2) RETURNING node";
        let ended = tx.fetch(query(end).bind(before(now, LEASE)).bind(NODES as u64)).await?;
        let nodes = ended.iter().map(|row| row.key("node")).collect::<Result<Vec<_>, _>>()?;
        let mut batch = Batch::default();
        let mut down = 0;
        for mut held in write::by_nodes(&mut tx, &nodes).await?.into_values() {
            let (was, mut news) = (held.view.state, None);
            for node in &nodes {
                let Some(side) = held.side(node) else { continue };
                let metrics = held.view.claims[side].metrics;
                // That it went down says more than that an edge said so.
                news = held.claim(side, false, metrics, now).into_iter().chain(news).min();
            }
            if let Some(kind) = news {
                down += u64::from(kind == Kind::State);
                batch.transport(held, Doing::Update(was), kind);
            }
        }
        batch.commit(self.store, tx, now).await?;
        Ok((nodes.len(), down))
    }

    /// Drops one chunk of transports that were down for long.
    async fn expire(&self, now: UnixTime) -> Result<usize, StoreError> {
        let mut tx = self.store.begin_change().await?;
        let stale = "SELECT id FROM transports WHERE NOT up AND since < $1 ORDER BY since LIMIT $2";
        let stale = query(stale).bind(before(now, TRANSPORT_RETENTION)).bind(CHUNK as u64);
        let found = tx.fetch(stale).await?;
        let ids = found.iter().map(|row| row.transport_id("id")).collect::<Result<Vec<_>, _>>()?;
        let mut batch = Batch::default();
        for held in write::by_ids(&mut tx, &ids).await?.into_values() {
            batch.transport(held, Doing::Delete, Kind::Expired);
        }
        batch.commit(self.store, tx, now).await?;
        Ok(ids.len())
    }

    /// Forgets nodes without transports, old tombstones and old changes.
    async fn clear(&self, now: UnixTime) -> Result<(), StoreError> {
        let newest = self.newest().await?;
        let nodes = "DELETE FROM nodes WHERE live = FALSE AND renewed < $1 \
            AND NOT EXISTS (SELECT 1 FROM transports WHERE edge_a = nodes.node) \
            AND NOT EXISTS (SELECT 1 FROM transports WHERE edge_b = nodes.node)";
        let mut tx = self.store.begin_change().await?;
        let gone = tx.execute(query(nodes).bind(before(now, TRANSPORT_RETENTION))).await?;
        if gone > 0 {
            write::count_nodes(&mut tx, -i64::try_from(gone).unwrap_or(i64::MAX)).await?;
        }
        tx.commit().await?;
        let tombstones = "DELETE FROM transport_tombstones WHERE deleted < $1";
        let kinds = "DELETE FROM transport_counts WHERE n = 0";
        for clear in
            [query(tombstones).bind(before(now, TOMBSTONE_RETENTION)), query(kinds), changes::prune(newest)]
        {
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
