//! The directory that the service's own messaging client uses: itself.

use byway_base::{Problem, PublicKey};
use byway_clock::Clock;
use byway_messaging_client::Directory;
use byway_store::Store;
use byway_wire::SignedRecord;
use futures_util::{FutureExt, future::BoxFuture};

/// The registry without the detour over HTTP.
#[derive(Debug)]
pub(crate) struct OwnDirectory {
    store: Store,
    clock: Clock,
}

impl OwnDirectory {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }
}

impl Directory for OwnDirectory {
    fn look_up(&self, keys: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move { Ok(self.store.records().get_many(&keys, self.clock.now()).await?) }.boxed()
    }

    /// None: the service stays on the servers that configuration names, where those who cannot ask it yet seek it.
    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn publish(&self, record: SignedRecord) -> BoxFuture<'_, Result<(), Problem>> {
        async move {
            self.store.records().put(&record, self.clock.now()).await?;
            Ok(())
        }
        .boxed()
    }
}
