//! The registry of transports.
//!
//! A transport is up while both edges say so. An edge says so by registering the transport, by having signed an entry
//! that is fresh, and by its heartbeats, which list all of its transports. What an edge said holds for as long as the
//! edge's *node* renews its lease; so a heartbeat without news writes one row, however many transports it lists.
//!
//! Registrations and heartbeats go through one writer, many in a transaction. Whatever changes transports holds the lock of
//! the change log from its beginning; the renewal of leases does not, and never waits for a row. So no two transactions ever
//! wait for each other.

mod change;
mod heartbeat;
pub(crate) mod held;
mod known;
mod list;
mod register;
mod remove;
mod rows;
mod sweep;
mod write;
pub(crate) mod writer;

use byway_api::transport_discovery::TransportState;
use byway_base::{PublicKey, TransportId, TransportType};

pub use register::Registration;
pub use sweep::Swept;

use crate::{Changes, Store, StoreError, changes, changes::Tail};

/// A handle on the registry.
#[derive(Debug, Clone, Copy)]
pub struct Transports<'a> {
    store: &'a Store,
}

/// Which transports to list; empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only those of this node.
    pub edge: Option<PublicKey>,
    /// Only those of this type.
    pub kind: Option<TransportType>,
    /// Only those in this state.
    pub state: Option<TransportState>,
    /// Only those with greater ids: the id of the last one on the page before.
    pub after: Option<TransportId>,
}

impl<'a> Transports<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Up to `limit` changes after number `since`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn changes_since(&self, since: u64, limit: usize) -> Result<Tail, StoreError> {
        changes::since(self.store, since, limit).await
    }

    /// Waits for changes; see [`Changes`].
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        self.store.subscribe()
    }

    /// The number of the newest change; 0 if there was none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn newest(&self) -> Result<u64, StoreError> {
        changes::newest(self.store).await
    }

    /// The smallest number from which a reader can still go on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn oldest_kept(&self) -> Result<u64, StoreError> {
        changes::oldest_kept(self.store).await
    }
}
