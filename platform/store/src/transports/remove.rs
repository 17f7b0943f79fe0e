//! Deleting a transport on an edge's demand.

use byway_base::{TransportId, UnixTime};

use super::{
    Transports,
    write::{self, Batch},
};
use crate::{StoreError, changes::Kind, db::query};

impl Transports<'_> {
    /// Removes a transport and leaves a tombstone: entries issued up to now, or up to the removed one, are refused
    /// from here on. Whether the caller may is for the service to check; the edges follow from the id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it is not registered.
    pub async fn remove(&self, id: &TransportId, now: UnixTime) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let held = write::lock(&mut tx, id).await?.ok_or(StoreError::NotFound)?;
        let deleted = now.max(held.view.signed.entry.issued);
        let bury = "INSERT INTO transport_tombstones (id, deleted) VALUES ($1, $2) \
            ON CONFLICT (id) DO UPDATE SET deleted = excluded.deleted \
            WHERE excluded.deleted > transport_tombstones.deleted";
        tx.execute(query(bury).bind(id).bind(deleted)).await?;
        tx.execute(query("DELETE FROM transports WHERE id = $1").bind(id)).await?;
        let mut batch = Batch::default();
        batch.gone(*id, Kind::Removed);
        batch.commit(self.store, tx, now).await?;
        Ok(())
    }
}
