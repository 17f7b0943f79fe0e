//! The directory of a client here: messaging discovery, or as much of it as the client may know.

use std::sync::Arc;

use anyhow::Result;
use byway_base::{Problem, PublicKey, SecretKey};
use byway_messaging_client::{Directory, HttpDirectory};
use byway_wire::{RecordBody, SignedRecord};
use futures_util::{FutureExt, future::BoxFuture};

pub(super) fn open(url: &str, identity: &SecretKey, confined: bool) -> Result<Arc<dyn Directory>> {
    let whole = HttpDirectory::new(&[url], identity)?;
    Ok(if confined { Arc::new(Confined(whole)) } else { Arc::new(whole) })
}

/// Says nothing about servers: whoever asks knows those that its configuration names, and reaches peers on others only
/// through them.
struct Confined(HttpDirectory);

impl Directory for Confined {
    fn look_up(&self, keys: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move {
            let mut records = self.0.look_up(keys).await?;
            records.retain(|signed| !matches!(signed.record.body, RecordBody::Server { .. }));
            Ok(records)
        }
        .boxed()
    }

    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn publish(&self, record: SignedRecord) -> BoxFuture<'_, Result<(), Problem>> {
        self.0.publish(record)
    }
}
