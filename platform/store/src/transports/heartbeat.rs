//! A node's report of all its transports.

use std::collections::BTreeMap;

use byway_api::transport_discovery::TransportReport;
use byway_base::{PublicKey, TransportId, UnixTime, limits::HEARTBEAT_INTERVAL};

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

type Reports = BTreeMap<TransportId, TransportReport>;

impl Transports<'_> {
    /// Renews a node's lease and takes what it says of its transports: all of them, so that one which is not listed
    /// is down. Answers those listed that are not registered with the node as an edge.
    ///
    /// A report without news reads the node's rows and writes one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn heartbeat(
        &self,
        node: &PublicKey,
        transit: bool,
        reports: &[TransportReport],
        now: UnixTime,
    ) -> Result<Vec<TransportId>, StoreError> {
        let reports: Reports = reports.iter().map(|report| (report.id, *report)).collect();
        if let Some(unknown) = self.without_news(node, transit, &reports, now).await? {
            return Ok(unknown);
        }
        let mut tx = self.store.begin().await?;
        let held = write::of_node(&mut tx, node, true).await?;
        let unknown = unknown(&held, &reports);
        let mut batch = Batch::default();
        for (held, kind) in news(held, node, &reports, now) {
            batch.transport(held, kind);
        }
        if renew(&mut tx, node, transit, now).await? {
            batch.node(*node);
        }
        batch.commit(self.store, tx, now).await?;
        Ok(unknown)
    }

    /// The common case. `None` if there is news after all; then nothing was written.
    async fn without_news(
        &self,
        node: &PublicKey,
        transit: bool,
        reports: &Reports,
        now: UnixTime,
    ) -> Result<Option<Vec<TransportId>>, StoreError> {
        let mut tx = self.store.begin().await?;
        let renew =
            "UPDATE nodes SET renewed = $2 WHERE node = $1 AND live AND transit = $3 AND renewed <= $2";
        // From here to the commit the node's lease cannot be found to have passed.
        if tx.execute(query(renew).bind(node).bind(now).bind(transit)).await? == 0 {
            return Ok(None);
        }
        let held = write::of_node(&mut tx, node, false).await?;
        let unknown = unknown(&held, reports);
        if news(held, node, reports, now).next().is_some() {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(unknown))
    }
}

/// What of the report is news.
fn news(
    held: Vec<Held>,
    node: &PublicKey,
    reports: &Reports,
    now: UnixTime,
) -> impl Iterator<Item = (Held, Kind)> {
    held.into_iter().filter_map(move |mut held| {
        let side = held.side(node)?;
        let kind = match reports.get(&held.view.id) {
            Some(report) => held.claim(side, report.up, report.metrics, now)?,
            // The other edge may have registered it while this report was on its way.
            None if held.said[side].plus(HEARTBEAT_INTERVAL) > now => return None,
            None => {
                let metrics = held.view.claims[side].metrics;
                held.claim(side, false, metrics, now)?
            }
        };
        Some((held, kind))
    })
}

fn unknown(held: &[Held], reports: &Reports) -> Vec<TransportId> {
    // Both are in the order of ids.
    reports
        .keys()
        .filter(|id| held.binary_search_by_key(id, |held| &held.view.id).is_err())
        .copied()
        .collect()
}

/// Renews the lease; answers whether the node said something new about forwarding for others.
async fn renew(tx: &mut Tx, node: &PublicKey, transit: bool, now: UnixTime) -> Result<bool, StoreError> {
    write::renew(tx, node, now).await?;
    let say = "UPDATE nodes SET transit = $2 WHERE node = $1 AND (transit IS NULL OR transit <> $2)";
    Ok(tx.execute(query(say).bind(node).bind(transit)).await? == 1)
}
