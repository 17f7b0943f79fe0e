//! The whole registry, a page at a time, while others go on writing.
//!
//! No transaction spans the pages. What is written behind the reader's place is in the change log after the number that
//! the snapshot began with, so that nothing is missed; a page of memory is all that a slow reader costs.

use byway_api::transport_discovery::SnapshotPart;
use byway_base::{Problem, PublicKey, TransportId, limits::SNAPSHOT_PART};
use byway_http::server::LineStream;
use byway_store::{Store, StoreError, transports::Filter};
use futures_util::{StreamExt, stream};

/// What comes next.
enum Place {
    Begin { sequence: u64 },
    Nodes { after: Option<PublicKey> },
    Transports { after: Option<TransportId> },
    End,
}

/// The parts of a snapshot of now.
pub(crate) async fn begin(store: Store) -> Result<LineStream<SnapshotPart>, StoreError> {
    // Before the first page is read, so that every later change has a greater number.
    let sequence = store.transports().newest().await?;
    let parts = stream::unfold((store, Place::Begin { sequence }), async |(store, place)| {
        let (part, place) = match next(&store, place).await {
            Ok(found) => found?,
            Err(error) => {
                return Some((
                    Err(Problem::from(error).while_doing("cannot read the registry")),
                    (store, Place::End),
                ));
            }
        };
        Some((Ok(part), (store, place)))
    });
    Ok(parts.boxed())
}

async fn next(store: &Store, place: Place) -> Result<Option<(SnapshotPart, Place)>, StoreError> {
    let registry = store.transports();
    Ok(match place {
        Place::Begin { sequence } => Some((SnapshotPart::Begin { sequence }, Place::Nodes { after: None })),
        Place::Nodes { after } => {
            let nodes = registry.nodes(after.as_ref(), SNAPSHOT_PART).await?;
            let last = nodes.last().filter(|_| nodes.len() == SNAPSHOT_PART).map(|node| node.key);
            let place = match last {
                Some(last) => Place::Nodes { after: Some(last) },
                None => Place::Transports { after: None },
            };
            Some((SnapshotPart::Nodes(nodes), place))
        }
        Place::Transports { after } => {
            let filter = Filter { after, ..Filter::default() };
            let transports = registry.list(&filter, SNAPSHOT_PART).await?;
            let last = transports.last().filter(|_| transports.len() == SNAPSHOT_PART).map(|view| view.id);
            let place = last.map_or(Place::End, |last| Place::Transports { after: Some(last) });
            Some((SnapshotPart::Transports(transports), place))
        }
        Place::End => None,
    })
}
