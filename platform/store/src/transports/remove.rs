//! Deleting a transport on an edge's demand.

use byway_base::{TransportId, UnixTime};

use super::{
    Transports,
    write::{self, Batch, Doing},
};
use crate::{StoreError, changes::Kind, db::query};

impl Transports<'_> {
    /// Removes the transport whose entry was issued at `issued`, and leaves a tombstone: entries issued up to now, or up to
    /// the removed one, are refused from here on. Whether the caller may is for the service to check; the edges follow from
    /// the id.
    ///
    /// To do it twice is to do it once, whatever came in between: the entry that it names does not come back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if that entry is not registered, [`StoreError::Conflict`] if a newer one is.
    pub async fn remove(&self, id: &TransportId, issued: UnixTime, now: UnixTime) -> Result<(), StoreError> {
        let mut tx = self.store.begin_change().await?;
        let held = write::by_ids(&mut tx, [id]).await?.remove(id).ok_or(StoreError::NotFound)?;
        match held.view.signed.entry.issued {
            newer if newer > issued => return Err(StoreError::Conflict { newer: newer.0 }),
            older if older < issued => return Err(StoreError::NotFound),
            _ => {}
        }
        let bury = "INSERT INTO transport_tombstones (id, deleted) VALUES ($1, $2) \
            ON CONFLICT (id) DO UPDATE SET deleted = excluded.deleted \
            WHERE excluded.deleted > transport_tombstones.deleted";
        tx.execute(query(bury).bind(id).bind(now.max(issued))).await?;
        let mut batch = Batch::default();
        batch.transport(held, Doing::Delete, Kind::Removed);
        batch.commit(self.store, tx, now).await?;
        Ok(())
    }
}
