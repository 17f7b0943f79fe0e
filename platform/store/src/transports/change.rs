//! One transaction that takes registrations and heartbeats with news.

use byway_base::{PublicKey, TransportId, UnixTime};

use super::{
    heartbeat::{Beat, says},
    known::{Claim, Known, NodeRows},
    register::{Registration, Wish, register},
    rows::Rows,
    write::Written,
};
use crate::{Store, StoreError};

/// What came of beats and of registrations, in their order.
type Outcomes = (Vec<Result<Vec<TransportId>, StoreError>>, Vec<Result<Registration, StoreError>>);

/// Takes registrations, then beats. What is refused leaves no trace.
pub(super) async fn change(
    store: &Store,
    known: &mut Known,
    beats: &[&Beat],
    wishes: &[&Wish],
) -> Result<Outcomes, StoreError> {
    let mut tx = store.begin_change().await?;
    let mut rows = Rows::read(&mut tx, beats, wishes).await?;
    let registered: Vec<_> = wishes.iter().map(|wish| register(&mut rows, wish)).collect();
    let mut changed_minds = Vec::new();
    let heard: Vec<_> = beats.iter().map(|beat| hear(&mut rows, beat, &mut changed_minds)).collect();

    rows.write_nodes(&mut tx).await?;
    let mut batch = rows.batch();
    changed_minds.into_iter().for_each(|node| batch.node(node));
    let now = beats.iter().map(|beat| beat.now).chain(wishes.iter().map(|wish| wish.now)).max();
    let written = batch.commit(store, tx, now.unwrap_or_default()).await?;
    remember(known, &rows, beats, &heard, &written);
    for view in written.views {
        if let Some(working) = rows.held.get_mut(&view.id) {
            working.held.view = view;
        }
    }
    let registered = wishes.iter().zip(registered).map(|(wish, outcome)| {
        let working = rows.held.get(&wish.id);
        outcome.and_then(|new| {
            let working = working.ok_or_else(|| StoreError::Corrupt("a transport vanished".into()))?;
            Ok(Registration { transport: working.held.view.clone(), new })
        })
    });
    let registered = registered.collect();
    Ok((heard, registered))
}

/// Takes a beat into the rows; answers which of its transports are unknown.
fn hear(
    rows: &mut Rows,
    beat: &Beat,
    changed_minds: &mut Vec<PublicKey>,
) -> Result<Vec<TransportId>, StoreError> {
    let node = rows.nodes.entry(beat.node).or_default();
    let (said, created) = (node.said, beat.stamp.created);
    if said > created || (said == created && node.mark == beat.stamp.mark && said != UnixTime::default()) {
        return Err(StoreError::Replayed);
    }
    (node.said, node.mark) = (created, beat.stamp.mark);
    node.renew(beat.now);
    if node.transit.replace(beat.transit) != Some(beat.transit) && !changed_minds.contains(&beat.node) {
        changed_minds.push(beat.node);
    }
    let ids = rows.of_node.get(&beat.node).cloned().unwrap_or_default();
    for id in &ids {
        let Some(working) = rows.held.get_mut(id) else { continue };
        let Some(side) = working.held.side(&beat.node) else { continue };
        let (said, metrics) = (working.held.said[side], working.held.view.claims[side].metrics);
        if let Some((up, metrics)) = says(beat, id, said, metrics) {
            working.claim(side, up, metrics, beat.now);
        }
    }
    Ok(beat.reports.keys().filter(|id| !ids.contains(id)).copied().collect())
}

/// Remembers the rows of those who were heard, as they are now.
fn remember(
    known: &mut Known,
    rows: &Rows,
    beats: &[&Beat],
    heard: &[Result<Vec<TransportId>, StoreError>],
    written: &Written,
) {
    for (beat, _) in beats.iter().zip(heard).filter(|(_, outcome)| outcome.is_ok()) {
        let own: Vec<_> =
            rows.of_node.get(&beat.node).into_iter().flatten().filter_map(|id| rows.held.get(id)).collect();
        let claims = own.iter().filter_map(|working| {
            let side = working.held.side(&beat.node)?;
            let claim = working.held.view.claims[side];
            let said = working.held.said[side];
            Some(Claim { id: working.held.view.id, up: claim.up, metrics: claim.metrics, said })
        });
        let changed = if own.iter().any(|working| working.news.is_some()) {
            written.first
        } else {
            rows.nodes.get(&beat.node).map_or(0, |node| node.changed)
        };
        known.put(beat.node, NodeRows { changed, claims: claims.collect(), seen: beat.now });
    }
}
