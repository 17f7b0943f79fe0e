//! Directories in memory.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use byway_base::{Code, Problem, PublicKey};
use byway_messaging_client::Directory;
use byway_wire::{RecordBody, SignedRecord};
use futures_util::{FutureExt, future::BoxFuture};

/// A directory in memory, which can be out of order.
#[derive(Default)]
pub(crate) struct Records {
    records: Mutex<BTreeMap<PublicKey, SignedRecord>>,
    pub(crate) down: AtomicBool,
}

impl Records {
    pub(crate) fn body_of(&self, key: PublicKey) -> Option<RecordBody> {
        self.records.lock().unwrap().get(&key).map(|record| record.record.body.clone())
    }

    fn check(&self) -> Result<(), Problem> {
        match self.down.load(Ordering::SeqCst) {
            true => Err(Problem::new(Code::ServiceUnreachable, "no directory", "it is down")),
            false => Ok(()),
        }
    }
}

impl Directory for Records {
    fn look_up(&self, keys: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move {
            self.check()?;
            let records = self.records.lock().unwrap();
            Ok(keys.iter().filter_map(|key| records.get(key)).cloned().collect())
        }
        .boxed()
    }

    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move {
            self.check()?;
            let records = self.records.lock().unwrap();
            let is_server = |record: &&SignedRecord| matches!(record.record.body, RecordBody::Server { .. });
            Ok(records.values().filter(is_server).cloned().collect())
        }
        .boxed()
    }

    fn publish(&self, record: SignedRecord) -> BoxFuture<'_, Result<(), Problem>> {
        async move {
            self.check()?;
            self.records.lock().unwrap().insert(record.record.subject, record);
            Ok(())
        }
        .boxed()
    }
}

/// A directory that never answers.
pub(crate) struct Hanging;

impl Directory for Hanging {
    fn look_up(&self, _: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        pending().boxed()
    }

    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        pending().boxed()
    }

    fn publish(&self, _: SignedRecord) -> BoxFuture<'_, Result<(), Problem>> {
        pending().boxed()
    }
}
