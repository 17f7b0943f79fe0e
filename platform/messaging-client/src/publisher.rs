//! Keeps a contact record alive in the directory.

use std::sync::Arc;

use byway_base::{
    Code, Problem, SecretKey,
    limits::{HTTP_TIMEOUT, RECORD_RENEW, RECORD_TTL},
};
use byway_clock::{unix_millis, unix_now};
use byway_net::Backoff;
use byway_wire::{Record, RecordBody};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;

/// Publishes the subject's record whenever what it says changes, and again before it expires; at the end a tombstone in
/// its place. Of use to clients and to messaging servers alike.
pub struct Publisher {
    secret: SecretKey,
    directory: Arc<dyn Directory>,
    body: watch::Receiver<Option<RecordBody>>,
    report: Box<dyn Fn(Option<Problem>) + Send>,
    sequence: u64,
}

impl Publisher {
    /// A publisher for what `body` says, nothing as long as it is `None`. After each attempt it calls `report` with what
    /// went wrong, if anything.
    #[must_use]
    pub fn new(
        secret: SecretKey,
        directory: Arc<dyn Directory>,
        body: watch::Receiver<Option<RecordBody>>,
        report: impl Fn(Option<Problem>) + Send + 'static,
    ) -> Self {
        Self { secret, directory, body, report: Box::new(report), sequence: 0 }
    }

    /// Runs until `cancel`, then publishes the tombstone, which takes no longer than one HTTP request may.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut backoff = Backoff::default();
        let mut due = Instant::now();
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                changed = self.body.changed() => if changed.is_err() { break },
                () = sleep_until(due) => {}
            }
            let Some(body) = self.body.borrow_and_update().clone() else {
                due = Instant::now() + RECORD_RENEW;
                continue;
            };
            let published = tokio::select! {
                () = cancel.cancelled() => break,
                published = self.publish(body) => published,
            };
            due = Instant::now()
                + if published {
                    backoff.reset();
                    RECORD_RENEW
                } else {
                    backoff.next(rand::random())
                };
        }
        if self.sequence > 0 {
            self.publish(RecordBody::Tombstone {}).await;
        }
    }

    /// Publishes once; returns whether the directory took it.
    async fn publish(&mut self, body: RecordBody) -> bool {
        // Milliseconds grow across restarts too, without anything being stored.
        self.sequence = unix_millis().max(self.sequence + 1);
        let expires = unix_now().plus(RECORD_TTL);
        let record = Record { subject: self.secret.public(), sequence: self.sequence, expires, body };
        let answer = timeout(HTTP_TIMEOUT, self.directory.publish(record.sign(&self.secret))).await;
        let problem = match answer {
            Ok(Ok(())) => None,
            Ok(Err(problem)) => Some(problem),
            Err(_) => Some(Problem::new(
                Code::Timeout,
                "messaging discovery did not answer",
                format!("no answer within {HTTP_TIMEOUT:?}"),
            )),
        };
        let published = problem.is_none();
        (self.report)(problem.map(|problem| problem.while_doing("cannot publish the contact record")));
        published
    }
}
