//! Registering a transport.

use byway_api::transport_discovery::{Metrics, TransportView};
use byway_base::{
    PublicKey, TransportId, UnixTime,
    limits::{LEASE, TRANSPORTS_PER_NODE},
};
use byway_wire::SignedTransportEntry;

use super::{
    Transports,
    held::Held,
    write::{self, Batch},
};
use crate::{
    StoreError,
    changes::Kind,
    db::{Tx, query},
};

/// A row may vanish between the insertion that found it and the lock; then it is tried again.
const ATTEMPTS: usize = 3;

/// What a registration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The transport since then.
    pub transport: TransportView,
    /// Whether the entry is new to the registry; false if it held the same already.
    pub new: bool,
}

/// What the store held before.
enum Before {
    Nothing,
    Older(Held),
    Same(Held),
}

impl Transports<'_> {
    /// Takes an entry that the caller has verified, handed in by `edge`, which is one of its edges.
    ///
    /// A newer entry replaces an older one; the same again only repeats the edge's claim. Both edges signed the
    /// entry, so a fresh one is also the other edge's claim that the transport is up.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a newer entry is held, or if the transport was deleted after this entry was
    /// issued; [`StoreError::Full`] if the edge has [`TRANSPORTS_PER_NODE`] already.
    pub async fn register(
        &self,
        signed: &SignedTransportEntry,
        edge: &PublicKey,
        now: UnixTime,
    ) -> Result<Registration, StoreError> {
        let fresh = Held::new(signed.clone(), now);
        let mut tx = self.store.begin().await?;
        let before = place(&mut tx, &fresh).await?;
        // Only after the row is locked: a deletion under way has either left its tombstone or waits for us.
        refuse_deleted(&mut tx, &fresh).await?;
        let (mut held, new) = match before {
            Before::Nothing => {
                refuse_full(&mut tx, edge).await?;
                (fresh, true)
            }
            Before::Older(mut held) => {
                held.view.signed = signed.clone();
                tx.execute(write::replace(&held)).await?;
                (held, true)
            }
            Before::Same(held) => (held, false),
        };
        let news = claims(&mut tx, &mut held, edge, new, now).await?;
        let kind = if new { Some(Kind::Registered) } else { news };
        let mut batch = Batch::default();
        let unchanged = held.view.clone();
        if let Some(kind) = kind {
            batch.transport(held, kind);
        }
        let written = batch.commit(self.store, tx, now).await?;
        let transport = written.into_iter().next().map_or(unchanged, |held| held.view);
        Ok(Registration { transport, new })
    }
}

/// Inserts the row, or locks the one that is there.
async fn place(tx: &mut Tx, fresh: &Held) -> Result<Before, StoreError> {
    for _ in 0..ATTEMPTS {
        if tx.execute(write::insert(fresh)).await? == 1 {
            return Ok(Before::Nothing);
        }
        let Some(held) = write::lock(tx, &fresh.view.id).await? else { continue };
        let (known, issued) = (held.view.signed.entry.issued, fresh.view.signed.entry.issued);
        return match known.cmp(&issued) {
            std::cmp::Ordering::Less => Ok(Before::Older(held)),
            std::cmp::Ordering::Equal => Ok(Before::Same(held)),
            std::cmp::Ordering::Greater => Err(StoreError::Conflict { newer: known.0 }),
        };
    }
    Err(StoreError::Unavailable("the transport is being registered and deleted by turns".into()))
}

async fn refuse_deleted(tx: &mut Tx, fresh: &Held) -> Result<(), StoreError> {
    let id: &TransportId = &fresh.view.id;
    let found = tx.fetch(query("SELECT deleted FROM transport_tombstones WHERE id = $1").bind(id)).await?;
    match found.first() {
        Some(row) if row.time("deleted")? >= fresh.view.signed.entry.issued => {
            Err(StoreError::Conflict { newer: row.count("deleted")? })
        }
        _ => Ok(()),
    }
}

/// Counts with the new row in place.
async fn refuse_full(tx: &mut Tx, edge: &PublicKey) -> Result<(), StoreError> {
    let count = "SELECT COUNT(*) AS n FROM transports WHERE edge_a = $1 OR edge_b = $1";
    let found = tx.fetch(query(count).bind(edge)).await?;
    let count = found.first().map_or(Ok(0), |row| row.count("n"))?;
    if count > TRANSPORTS_PER_NODE as u64 {
        return Err(StoreError::Full { limit: TRANSPORTS_PER_NODE });
    }
    Ok(())
}

/// What the registration says of both edges: leases and claims.
async fn claims(
    tx: &mut Tx,
    held: &mut Held,
    edge: &PublicKey,
    new: bool,
    now: UnixTime,
) -> Result<Option<Kind>, StoreError> {
    let entry = held.view.signed.entry.clone();
    let signed_at = entry.issued.min(now);
    let other_is_fresh = new && signed_at.plus(LEASE) > now;
    let mut news = None;
    for (side, node) in entry.edges.iter().enumerate() {
        let renewed = match (node == edge, other_is_fresh) {
            (true, _) => now,
            (false, true) => signed_at,
            (false, false) => continue,
        };
        write::renew(tx, node, renewed).await?;
        let claim = &mut held.view.claims[side];
        claim.renewed_at = claim.renewed_at.max(renewed);
        // A new entry means a new link: what was measured on the old one says nothing about it.
        let metrics = if new { Metrics::default() } else { claim.metrics };
        news = match held.claim(side, true, metrics, now) {
            Some(Kind::State) => Some(Kind::State),
            kind => news.or(kind),
        };
    }
    Ok(news)
}
