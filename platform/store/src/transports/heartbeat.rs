//! A node's report of all its transports.
//!
//! Most reports bring no news. Those are taken many at once by one statement that reads no transport: it renews the leases of
//! the nodes whose transports are still as this process remembers them ([`Known`]). The others go the way of all changes,
//! see [`change`](super::change).

use std::collections::{BTreeMap, BTreeSet};

use byway_api::transport_discovery::{Metrics, TransportReport};
use byway_base::{PublicKey, Stamp, TransportId, UnixTime, limits::HEARTBEAT_INTERVAL};

use super::{
    Transports,
    held::differs,
    known::{Claim, Known, NodeRows},
    writer::{AskedBeat, Job},
};
use crate::{
    Store, StoreError,
    db::{Row, Table, query},
};

/// A heartbeat.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(super) node: PublicKey,
    pub(super) transit: bool,
    pub(super) reports: BTreeMap<TransportId, TransportReport>,
    /// Not later than `now`.
    pub(super) stamp: Stamp,
    pub(super) now: UnixTime,
}

impl Transports<'_> {
    /// Renews a node's lease and takes what it says of its transports: all of them, so that one which is not listed
    /// is down. Answers those listed that are not registered with the node as an edge.
    ///
    /// `stamp` is that of the signed report. One that is older than the newest, or is the newest itself, is refused
    /// whichever replica took that one; of reports of one second only the last is remembered.
    ///
    /// # Errors
    /// [`StoreError::Replayed`], [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn heartbeat(
        &self,
        node: &PublicKey,
        transit: bool,
        reports: &[TransportReport],
        stamp: Stamp,
        now: UnixTime,
    ) -> Result<Vec<TransportId>, StoreError> {
        let reports = reports.iter().map(|report| (report.id, *report)).collect();
        // A clock that was ahead and is set right would otherwise be in its own past.
        let stamp = Stamp { created: stamp.created.min(now), ..stamp };
        let beat = Beat { node: *node, transit, reports, stamp, now };
        self.store.ask(beat, Job::Beat).await
    }
}

/// Takes the beats that bring no news, and answers them. Gives back the others.
pub(super) async fn renew(
    store: &Store,
    known: &mut Known,
    beats: Vec<AskedBeat>,
) -> Result<Vec<AskedBeat>, (Vec<AskedBeat>, StoreError)> {
    if let Err(error) = learn(store, known, &beats).await {
        return Err((beats, error));
    }
    let (mut plain, mut others) = (BTreeMap::new(), Vec::new());
    let mut table = Table::new(&["node", "transit", "changed", "renewed", "said", "mark"]);
    for asked in beats {
        let Beat { node, transit, stamp, now, .. } = &asked.ask;
        match known.get(node, *now).filter(|rows| !plain.contains_key(node) && !brings_news(rows, &asked.ask))
        {
            Some(rows) => {
                let mark = stamp.mark.cast_signed();
                let (changed, created) = (rows.changed.into(), stamp.created.into());
                table.row([node.into(), (*transit).into(), changed, (*now).into(), created, mark.into()]);
                plain.insert(*node, asked);
            }
            None => others.push(asked),
        }
    }
    match renew_rows(store, table).await {
        Ok(renewed) => {
            for node in renewed {
                let Some(asked) = plain.remove(&node) else { continue };
                let Some(rows) = known.get(&node, asked.ask.now) else { continue };
                rows.seen = asked.ask.now;
                let unknown = unknown(rows, &asked.ask);
                asked.answer(Ok(unknown));
            }
            plain.keys().for_each(|node| known.forget(node));
            others.extend(plain.into_values());
            Ok(others)
        }
        Err(error) => {
            others.extend(plain.into_values());
            Err((others, error))
        }
    }
}

/// Renews those of the leases whose nodes are as remembered. Never waits for a row: one that is being changed is about to
/// have news.
async fn renew_rows(store: &Store, table: Table) -> Result<Vec<PublicKey>, StoreError> {
    macro_rules! renew {
        ($lock:literal) => {
            concat!(
                ", held AS (SELECT v.node, v.renewed, v.said, v.mark FROM v JOIN nodes n ON n.node = v.node \
                WHERE n.live AND n.transit = v.transit AND n.changed = v.changed AND n.renewed <= v.renewed \
                AND (n.said < v.said OR (n.said = v.said AND n.mark <> v.mark)) ",
                $lock,
                ") UPDATE nodes SET renewed = held.renewed, said = held.said, mark = held.mark FROM held \
                WHERE nodes.node = held.node RETURNING nodes.node"
            )
        };
    }
    if table.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = store.begin().await?;
    let renew = if tx.is_pg() { renew!("FOR UPDATE OF n SKIP LOCKED") } else { renew!("") };
    let renewed = tx.fetch(query(renew).with(table)).await?;
    tx.commit().await?;
    renewed.iter().map(|row| row.key("node")).collect()
}

/// Reads the rows of nodes that are not known, but have a lease.
async fn learn(store: &Store, known: &mut Known, beats: &[AskedBeat]) -> Result<(), StoreError> {
    let mut nodes = BTreeMap::new();
    for Beat { node, now, .. } in beats.iter().map(|asked| &asked.ask) {
        if known.get(node, *now).is_none() {
            nodes.insert(*node, *now);
        }
    }
    if nodes.is_empty() {
        return Ok(());
    }
    let table = || Table::of(&["node"], nodes.keys());
    // The numbers first: what changes after that has another.
    let changed = "SELECT n.node, n.changed FROM v JOIN nodes n ON n.node = v.node WHERE n.live";
    let mut found: BTreeMap<PublicKey, NodeRows> = BTreeMap::new();
    for row in &store.fetch(query(changed).with(table())).await? {
        let (node, changed) = (row.key("node")?, row.count("changed")?);
        let seen = nodes.get(&node).copied().unwrap_or_default();
        found.insert(node, NodeRows { changed, claims: Vec::new(), seen });
    }
    for claims in [
        "SELECT v.node, t.id, t.up_a AS up, t.said_a AS said, t.rtt_a AS rtt, t.loss_a AS loss, t.use_a AS used \
        FROM v JOIN transports t ON t.edge_a = v.node",
        "SELECT v.node, t.id, t.up_b AS up, t.said_b AS said, t.rtt_b AS rtt, t.loss_b AS loss, t.use_b AS used \
        FROM v JOIN transports t ON t.edge_b = v.node",
    ] {
        for row in &store.fetch(query(claims).with(table())).await? {
            if let Some(rows) = found.get_mut(&row.key("node")?) {
                rows.claims.push(claim(row)?);
            }
        }
    }
    for (node, mut rows) in found {
        rows.claims.sort_unstable_by_key(|claim| claim.id);
        known.put(node, rows);
    }
    Ok(())
}

fn claim(row: &Row) -> Result<Claim, StoreError> {
    let metrics = Metrics {
        rtt_us: row.small("rtt")?,
        loss_ppm: row.small("loss")?,
        throughput_bps: row.count("used")?,
    };
    Ok(Claim { id: row.transport_id("id")?, up: row.bool("up")?, metrics, said: row.time("said")? })
}

fn brings_news(rows: &NodeRows, beat: &Beat) -> bool {
    rows.claims.iter().any(|claim| {
        let (up, metrics) =
            says(beat, &claim.id, claim.said, claim.metrics).unwrap_or((claim.up, claim.metrics));
        differs(claim.as_edge_claim(), up, metrics)
    })
}

/// What a beat says of one of its node's transports; `said` and `known` are when the node last turned, and what it measured.
pub(super) fn says(beat: &Beat, id: &TransportId, said: UnixTime, known: Metrics) -> Option<(bool, Metrics)> {
    match beat.reports.get(id) {
        Some(report) => Some((report.up, report.metrics)),
        // The other edge may have registered it while this report was on its way.
        None if said.plus(HEARTBEAT_INTERVAL) > beat.now => None,
        None => Some((false, known)),
    }
}

fn unknown(rows: &NodeRows, beat: &Beat) -> Vec<TransportId> {
    let ids: BTreeSet<_> = rows.claims.iter().map(|claim| claim.id).collect();
    beat.reports.keys().filter(|id| !ids.contains(id)).copied().collect()
}
