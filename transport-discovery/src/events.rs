//! The change stream: what the log holds after the reader's place, then what is appended to it.
//!
//! A stream holds one page of changes at most. A slow reader costs nothing more: the log is its queue, and if it
//! falls out of the log it is told to start anew.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use byway_api::{Event, transport_discovery::Change};
use byway_base::limits::PAGE;
use byway_http::server::EventStream;
use byway_store::{Changes, Store, changes::Tail};
use futures_util::{StreamExt, stream};

/// How many read the change stream now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readers(Arc<AtomicU64>);

impl Readers {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Reader {
        self.0.fetch_add(1, Ordering::Relaxed);
        Reader(self.clone())
    }
}

/// Counts for as long as it lives.
#[derive(Debug)]
struct Reader(Readers);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a reader is.
struct Place {
    store: Store,
    changes: Changes,
    upto: u64,
    page: VecDeque<Change>,
    /// The stream ends here, after a reset or because the log cannot be read.
    ended: bool,
    _reader: Reader,
}

/// The changes after `since`. Ends only by a reset, or if the registry is corrupt.
pub(crate) fn follow(store: Store, since: u64, readers: &Readers) -> EventStream<Change> {
    // Subscribed before the first look, so that no change falls between both.
    let changes = store.subscribe();
    let place =
        Place { store, changes, upto: since, page: VecDeque::new(), ended: false, _reader: readers.enter() };
    stream::unfold(place, next).boxed()
}

async fn next(mut place: Place) -> Option<(Event<Change>, Place)> {
    loop {
        if let Some(item) = place.page.pop_front() {
            return Some((Event::Item { sequence: item.sequence, item }, place));
        }
        if place.ended {
            return None;
        }
        match place.store.transports().changes_since(place.upto, PAGE).await {
            Ok(Tail::Changes { items, upto }) if upto > place.upto => {
                place.upto = upto;
                place.page = items.into();
            }
            Ok(Tail::Changes { .. }) => place.changes.wait().await,
            Ok(Tail::Reset { newest }) => {
                place.ended = true;
                return Some((Event::Reset { sequence: newest }, place));
            }
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "a change stream waits for the database");
                place.changes.wait().await;
            }
            Err(error) => {
                tracing::error!(%error, "a change stream ends");
                return None;
            }
        }
    }
}
