//! Looks contact records up, many at a time.

use std::{collections::BTreeSet, sync::Arc};

use byway_base::{
    Code, Problem, PublicKey, UnixTime,
    limits::{HTTP_TIMEOUT, RECORD_BATCH},
};
use byway_clock::unix_now;
use byway_wire::SignedRecord;
use tokio::{task::JoinSet, time::timeout};

use crate::{
    directory::Directory,
    hub::Hub,
    status::{Board, DIRECTORY},
};

/// Requests under way at once; further keys gather for the next batch.
const REQUESTS: usize = 4;

/// Gathers the keys that the core asks for and asks the directory for them together.
pub(crate) struct LookUps {
    directory: Option<Arc<dyn Directory>>,
    /// Peers that are on the servers that configuration names, and those servers.
    stays: (Vec<PublicKey>, Vec<PublicKey>),
    waiting: BTreeSet<PublicKey>,
    requests: JoinSet<Answer>,
}

/// The directory's answer about some keys; its records are verified.
pub(crate) struct Answer {
    keys: Vec<PublicKey>,
    records: Result<Vec<SignedRecord>, Problem>,
}

impl LookUps {
    /// Looks up in `directory`, but for the `peers` behind which it is: they are on `servers`.
    pub(crate) fn new(
        directory: Option<Arc<dyn Directory>>,
        peers: Vec<PublicKey>,
        servers: Vec<PublicKey>,
    ) -> Self {
        Self { directory, stays: (peers, servers), waiting: BTreeSet::new(), requests: JoinSet::new() }
    }

    pub(crate) fn want(&mut self, key: PublicKey) {
        self.waiting.insert(key);
    }

    /// Sends what is waiting, as far as requests are free.
    pub(crate) fn send(&mut self, hub: &Hub) {
        let (peers, servers) = &self.stays;
        for peer in peers.iter().filter(|peer| self.waiting.remove(peer)) {
            hub.answered(|core, now| core.stays_at(*peer, servers, now));
        }
        let Some(directory) = &self.directory else {
            for key in std::mem::take(&mut self.waiting) {
                hub.answered(|core, now| core.look_up_failed(key, now));
            }
            return;
        };
        while !self.waiting.is_empty() && self.requests.len() < REQUESTS {
            let keys: Vec<_> = self.waiting.iter().copied().take(RECORD_BATCH).collect();
            keys.iter().for_each(|key| {
                self.waiting.remove(key);
            });
            let directory = directory.clone();
            self.requests.spawn(async move {
                let records = fetch(directory.as_ref(), keys.clone()).await;
                Answer { keys, records }
            });
        }
    }

    /// The next answer; pends while no request is under way.
    ///
    /// # Cancel safety
    /// No answer is lost.
    pub(crate) async fn answer(&mut self) -> Answer {
        loop {
            match self.requests.join_next().await {
                Some(Ok(answer)) => return answer,
                // A request that panicked; the core asks again after a while.
                Some(Err(error)) => tracing::error!(%error, "look-up failed"),
                None => std::future::pending().await,
            }
        }
    }
}

impl Answer {
    /// Tells the core.
    pub(crate) fn apply(self, hub: &Hub, board: &Board) {
        let mut missing: BTreeSet<_> = self.keys.into_iter().collect();
        match self.records {
            Ok(records) => {
                board.set(DIRECTORY, None);
                let unix = unix_now();
                hub.answered(|core, now| {
                    for record in &records {
                        missing.remove(&record.record.subject);
                        let valid_for = UnixTime(record.record.expires.0.max(unix.0)).abs_diff(unix);
                        core.record_found(record, now + valid_for, now);
                    }
                    missing.iter().for_each(|key| core.record_absent(*key, now));
                });
            }
            Err(problem) => {
                board.set(DIRECTORY, Some(problem));
                hub.answered(|core, now| missing.iter().for_each(|key| core.look_up_failed(*key, now)));
            }
        }
    }
}

/// Asks for at most [`RECORD_BATCH`] records and drops what is forged, expired, or was not asked for.
pub async fn fetch(directory: &dyn Directory, keys: Vec<PublicKey>) -> Result<Vec<SignedRecord>, Problem> {
    let asked: BTreeSet<_> = keys.iter().copied().collect();
    let what = "cannot look contact records up";
    let answer = timeout(HTTP_TIMEOUT, directory.look_up(keys)).await;
    let answer = answer
        .map_err(|_| Problem::new(Code::Timeout, what, format!("no answer within {HTTP_TIMEOUT:?}")))?;
    let mut records = answer.map_err(|problem| problem.while_doing(what))?;
    let now = unix_now();
    records.retain(|record| asked.contains(&record.record.subject) && record.verify(now).is_ok());
    Ok(records)
}
