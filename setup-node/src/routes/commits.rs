//! Changes on their way into the journal: written together, as many as wait.

use std::{mem::take, sync::Arc};

use byway_base::Problem;
use parking_lot::Mutex;
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    Route,
    journal::{Change, Journal},
};

/// The way into a journal. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Commits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    journal: Mutex<Journal>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    changes: Vec<Change>,
    /// Those who wait for one of the changes. As many as route requests and removals are under way, which are bounded.
    waiting: Vec<oneshot::Sender<Result<(), Problem>>>,
    /// Somebody is writing, and will look into the queue again.
    writing: bool,
}

impl Commits {
    pub(super) fn new(journal: Journal) -> Self {
        Self(Arc::new(Inner { journal: Mutex::new(journal), queue: Mutex::default() }))
    }

    /// Writes `changes`, together with those of others that wait; `installed` gives all routes when the journal has grown
    /// too long. Cancelling gives up the answer only.
    ///
    /// # Errors
    /// [`byway_base::Code::File`]; whether any of them was written is unknown.
    pub(super) async fn commit(
        &self,
        changes: impl IntoIterator<Item = Change>,
        installed: impl Fn() -> Vec<Route> + Send + 'static,
    ) -> Result<(), Problem> {
        let (sender, written) = oneshot::channel();
        let idle = {
            let mut queue = self.0.queue.lock();
            queue.changes.extend(changes);
            queue.waiting.push(sender);
            !std::mem::replace(&mut queue.writing, true)
        };
        if idle {
            let commits = self.clone();
            spawn_blocking(move || commits.write_all(installed));
        }
        written.await.expect("who writes answers everybody in the queue, and does not panic")
    }

    /// Writes until the queue is empty.
    fn write_all(&self, installed: impl Fn() -> Vec<Route>) {
        loop {
            let (changes, waiting) = {
                let mut queue = self.0.queue.lock();
                if queue.waiting.is_empty() {
                    queue.writing = false;
                    return;
                }
                (take(&mut queue.changes), take(&mut queue.waiting))
            };
            let mut journal = self.0.journal.lock();
            let mut result = journal.append(&changes);
            if result.is_ok() && journal.is_long() {
                result = journal.compact(installed().iter());
            }
            // Who waits no longer has no use for the answer.
            waiting.into_iter().for_each(|waiting| drop(waiting.send(result.clone())));
        }
    }
}
