//! The registry of contact records.
//!
//! A record replaces one with a lower sequence number, whatever that one says, and ceases to exist when it expires. A
//! tombstone is a record like any other: it hides its subject until it expires, and by then every older record has
//! expired too, because the row guards its number until the last of them has.

mod list;

use byway_api::messaging_discovery::RecordStats;
use byway_base::{PublicKey, Signature, UnixTime};
use byway_wire::{Record, RecordBody, SignedRecord, decode_whole, encode};

pub use list::{ServerCursor, ServerFilter, ServerPage};

use crate::{
    Store, StoreError,
    db::{Row, Table, query, wrong},
};

/// A handle on the registry.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    store: &'a Store,
}

const NODE: i64 = 0;
const SERVER: i64 = 1;
const TOMBSTONE: i64 = 2;

/// Columns of a record that queries sort, filter and count by.
#[derive(Debug, Default)]
struct Facets {
    kind: i64,
    draining: bool,
    load: i64,
    clients: u32,
    region: String,
}

impl<'a> Records<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Takes a record that the caller has verified. Answers whether it is new; the same again is accepted.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with the highest sequence number known, unless the record's exceeds it.
    pub async fn put(&self, signed: &SignedRecord, now: UnixTime) -> Result<bool, StoreError> {
        let Record { subject, sequence, expires, body } = &signed.record;
        let facets = Facets::of(body);
        let upsert = "INSERT INTO records \
            (subject, sequence, expires, kept, kind, draining, load, clients, region, body, signature) \
            VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10) \
            ON CONFLICT (subject) DO UPDATE SET sequence = excluded.sequence, expires = excluded.expires, \
            kept = CASE WHEN excluded.kept > records.kept THEN excluded.kept ELSE records.kept END, \
            kind = excluded.kind, draining = excluded.draining, load = excluded.load, \
            clients = excluded.clients, region = excluded.region, body = excluded.body, \
            signature = excluded.signature \
            WHERE excluded.sequence > records.sequence OR records.kept <= $11";
        let mut tx = self.store.begin().await?;
        let upsert = query(upsert).bind(subject).bind(ordered(*sequence)).bind(*expires).bind(facets.kind);
        let upsert = upsert.bind(facets.draining).bind(facets.load).bind(facets.clients).bind(facets.region);
        let upsert = upsert.bind(encode(&signed.record)).bind(&signed.signature).bind(now);
        if tx.execute(upsert).await? == 1 {
            tx.commit().await?;
            return Ok(true);
        }
        let held = tx.fetch(query("SELECT * FROM records WHERE subject = $1").bind(subject)).await?;
        let held = held.first().map(record).transpose()?;
        let held = held.ok_or_else(|| StoreError::Unavailable("the record is being swept".into()))?;
        if held == *signed { Ok(false) } else { Err(StoreError::Conflict { newer: held.record.sequence }) }
    }

    /// A subject's record, tombstones included.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none that has not expired.
    pub async fn get(&self, subject: &PublicKey, now: UnixTime) -> Result<SignedRecord, StoreError> {
        let read = "SELECT * FROM records WHERE subject = $1 AND expires > $2";
        let found = self.store.fetch(query(read).bind(subject).bind(now)).await?;
        found.first().ok_or(StoreError::NotFound).and_then(record)
    }

    /// The records of several subjects that have any, in the order of their keys, tombstones included.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn get_many(
        &self,
        subjects: &[PublicKey],
        now: UnixTime,
    ) -> Result<Vec<SignedRecord>, StoreError> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let read = "SELECT * FROM records WHERE expires > $1 AND subject IN (SELECT subject FROM v) ORDER BY subject";
        let read = query(read).bind(now).with(Table::of(&["subject"], subjects));
        self.store.fetch(read).await?.iter().map(record).collect()
    }

    /// Removes the rows of records that have expired, and with them every older record. Answers how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn sweep(&self, now: UnixTime) -> Result<u64, StoreError> {
        let mut tx = self.store.begin().await?;
        let removed = tx.execute(query("DELETE FROM records WHERE kept <= $1").bind(now)).await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// Counts of what has not expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn stats(&self, now: UnixTime) -> Result<RecordStats, StoreError> {
        let count = "SELECT kind, COUNT(*) AS n, CAST(SUM(clients) AS BIGINT) AS clients FROM records \
            WHERE expires > $1 GROUP BY kind";
        let mut stats = RecordStats::default();
        for row in &self.store.fetch(query(count).bind(now)).await? {
            let count = match row.int("kind")? {
                NODE => &mut stats.nodes,
                SERVER => {
                    stats.clients = row.count("clients")?;
                    &mut stats.servers
                }
                TOMBSTONE => &mut stats.tombstones,
                _ => return Err(wrong("kind")),
            };
            *count = row.count("n")?;
        }
        Ok(stats)
    }
}

impl Facets {
    fn of(body: &RecordBody) -> Self {
        match body {
            RecordBody::Node { .. } => Self { kind: NODE, ..Self::default() },
            RecordBody::Tombstone {} => Self { kind: TOMBSTONE, ..Self::default() },
            RecordBody::Server { capacity, clients, region, draining, .. } => Self {
                kind: SERVER,
                draining: *draining,
                // Parts per million of the capacity; a server without any is full.
                load: i64::from(*clients) * 1_000_000 / i64::from((*capacity).max(1)),
                clients: *clients,
                region: region.clone(),
            },
        }
    }
}

fn record(row: &Row) -> Result<SignedRecord, StoreError> {
    let record: Record = decode_whole(&row.bytes("body")?).map_err(|_| wrong("body"))?;
    let signature = Signature::from_bytes(row.array("signature")?);
    Ok(SignedRecord { record, signature })
}

/// All 64 bits as a signed number of the same order.
fn ordered(sequence: u64) -> i64 {
    (sequence ^ (1 << 63)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::ordered;

    #[test]
    fn sequence_numbers_keep_their_order_over_all_64_bits() {
        let numbers = [0, 1, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX];
        assert!(numbers.is_sorted_by_key(|number| ordered(*number)));
    }
}
