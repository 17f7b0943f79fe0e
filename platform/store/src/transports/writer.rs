//! The one task of a process that takes registrations and heartbeats, many in one transaction.
//!
//! It takes whatever waits when it is free: nothing is delayed in the hope of more, and under load a commit is shared by all
//! that came while the one before was made.

use std::{panic::AssertUnwindSafe, time::Duration};

use byway_base::{
    TransportId,
    limits::{STORE_BATCH, STORE_CLAIMS, STORE_ROWS, STORE_TIMEOUT},
};
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::{
    change,
    heartbeat::{self, Beat},
    known::Known,
    register::{Registration, Wish},
};
use crate::{Store, StoreError, store::WeakStore};

/// Longest wait for an answer, its turn included.
const PATIENCE: Duration = STORE_TIMEOUT;

/// Something to be written, and who waits for the outcome.
#[derive(Debug)]
pub(crate) struct Asked<Q, A> {
    pub(super) ask: Q,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

impl<Q, A> Asked<Q, A> {
    pub(super) fn answer(self, outcome: Result<A, StoreError>) {
        // Who has left needs no answer.
        let _ = self.answer.send(outcome);
    }
}

pub(super) type AskedBeat = Asked<Beat, Vec<TransportId>>;
type AskedWish = Asked<Wish, Registration>;

/// What is asked of the writer.
#[derive(Debug)]
pub(crate) enum Job {
    Beat(AskedBeat),
    Register(AskedWish),
}

/// The way to the writer.
pub(crate) type Writer = mpsc::Sender<Job>;

impl Store {
    /// Has the writer do something and waits for the outcome.
    pub(super) async fn ask<Q, A>(&self, ask: Q, job: fn(Asked<Q, A>) -> Job) -> Result<A, StoreError> {
        let closed = || StoreError::Unavailable("the registry's writer gave no answer".into());
        let (answer, outcome) = oneshot::channel();
        let work = async {
            self.writer()?.send(job(Asked { ask, answer })).await.map_err(|_| closed())?;
            outcome.await.map_err(|_| closed())?
        };
        let late =
            |_| Err(StoreError::Unavailable(format!("it was not this write's turn within {PATIENCE:?}")));
        tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(late)
    }
}

/// Starts the writer of a store; it ends with the store's last handle.
pub(crate) fn spawn(store: WeakStore) -> Writer {
    let (writer, mut jobs) = mpsc::channel(STORE_BATCH);
    tokio::spawn(async move {
        let (mut known, mut waiting) = (Known::new(STORE_CLAIMS), Vec::new());
        while jobs.recv_many(&mut waiting, STORE_BATCH).await > 0 {
            let Some(store) = store.upgrade() else { return };
            let work = write(&store, &mut known, std::mem::take(&mut waiting));
            // A defect costs those whom it meets their answers, and not everybody the writer.
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!("the registry's writer panicked; nobody in its last batch is answered");
                known = Known::new(STORE_CLAIMS);
            }
        }
    });
    writer
}

async fn write(store: &Store, known: &mut Known, jobs: Vec<Job>) {
    let (mut beats, mut wishes) = (Vec::new(), Vec::new());
    for job in jobs {
        match job {
            // Whoever has given up must find nothing done.
            Job::Beat(asked) if asked.answer.is_closed() => {}
            Job::Register(asked) if asked.answer.is_closed() => {}
            Job::Beat(asked) => beats.push(asked),
            Job::Register(asked) => wishes.push(asked),
        }
    }
    let mut beats = match heartbeat::renew(store, known, beats).await {
        Ok(others) => others,
        Err((beats, error)) => {
            beats.into_iter().for_each(|asked| asked.answer(Err(error.clone())));
            Vec::new()
        }
    };
    while !(beats.is_empty() && wishes.is_empty()) {
        let (some_beats, some_wishes) = share(&mut beats, &mut wishes);
        change_all(store, known, some_beats, some_wishes).await;
    }
}

/// Takes as many as one transaction should hold, at least one. Registrations go first: a beat names what is unknown.
fn share(beats: &mut Vec<AskedBeat>, wishes: &mut Vec<AskedWish>) -> (Vec<AskedBeat>, Vec<AskedWish>) {
    let some_wishes: Vec<_> = wishes.drain(..wishes.len().min(STORE_ROWS)).collect();
    let (mut rows, mut count) = (some_wishes.len(), 0);
    for asked in beats.iter() {
        rows += asked.ask.reports.len() + 1;
        if rows > STORE_ROWS && count + some_wishes.len() > 0 {
            break;
        }
        count += 1;
    }
    (beats.drain(..count).collect(), some_wishes)
}

/// Does everything in one transaction. If the database holds something impossible, each is tried alone, so that only those
/// whom it concerns are refused.
async fn change_all(store: &Store, known: &mut Known, beats: Vec<AskedBeat>, wishes: Vec<AskedWish>) {
    let said: Vec<_> = beats.iter().map(|asked| &asked.ask).collect();
    let wished: Vec<_> = wishes.iter().map(|asked| &asked.ask).collect();
    match change::change(store, known, &said, &wished).await {
        Ok((heard, registered)) => {
            beats.into_iter().zip(heard).for_each(|(asked, outcome)| asked.answer(outcome));
            wishes.into_iter().zip(registered).for_each(|(asked, outcome)| asked.answer(outcome));
        }
        Err(StoreError::Corrupt(_)) if beats.len() + wishes.len() > 1 => {
            for asked in wishes {
                Box::pin(change_all(store, known, Vec::new(), vec![asked])).await;
            }
            for asked in beats {
                Box::pin(change_all(store, known, vec![asked], Vec::new())).await;
            }
        }
        Err(error) => {
            beats.into_iter().for_each(|asked| asked.answer(Err(error.clone())));
            wishes.into_iter().for_each(|asked| asked.answer(Err(error.clone())));
        }
    }
}
