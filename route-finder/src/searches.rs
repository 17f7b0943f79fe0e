//! The workers that searches run on: off the async threads, a few at once, some waiting, no more.

use std::sync::Arc;

use byway_base::{Code, Problem};
use byway_route_graph::Scratch;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// Runs searches. Each worker keeps its working memory from search to search.
pub(crate) struct Searches {
    /// One permit per search that runs.
    workers: Arc<Semaphore>,
    /// One permit per search that runs or waits.
    places: Arc<Semaphore>,
    waiting: usize,
    spare: Arc<Mutex<Vec<Scratch>>>,
}

impl Searches {
    /// With so many workers, and places for so many that wait for one.
    pub(crate) fn new(workers: usize, waiting: usize) -> Self {
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            places: Arc::new(Semaphore::new(workers + waiting)),
            waiting,
            spare: Arc::default(),
        }
    }

    /// Runs a search as soon as a worker is free. The caller sets the deadline.
    ///
    /// Cancel safety: dropped while it waits, it gives its place up; dropped while it runs, its worker stays taken until
    /// the search is done, so that no more run than there are workers.
    ///
    /// # Errors
    /// [`Code::Limit`] at once if too many wait already, [`Code::Internal`] if the search panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        search: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            let why = format!("{} searches wait already", self.waiting);
            Problem::new(Code::Limit, "cannot search for paths", why)
                .with_hint("ask again in a second, or another finder")
        })?;
        let worker = self.workers.clone().acquire_owned().await.expect("the semaphore is never closed");
        let spare = self.spare.clone();
        let searching = tokio::task::spawn_blocking(move || {
            let mut scratch = spare.lock().pop().unwrap_or_default();
            let found = search(&mut scratch);
            // Given back before the worker is free, so that there are never more than workers.
            spare.lock().push(scratch);
            drop((worker, place));
            found
        });
        searching.await.map_err(|error| {
            tracing::error!(%error, "a search failed");
            Problem::new(Code::Internal, "cannot search for paths", "the search ended without an answer")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[tokio::test]
    async fn beyond_those_that_run_and_wait_searches_are_refused_at_once() {
        let searches = Searches::new(1, 1);
        let (release, blocked) = mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let first = searches.run(move |_| {
            started.send(()).unwrap();
            blocked.recv().unwrap();
            1
        });
        let second = searches.run(|_| 2);
        let third = async {
            has_started.await.unwrap();
            let refused = searches.run(|_| 3).now_or_never().unwrap();
            release.send(()).unwrap();
            refused
        };
        let (first, second, third) = tokio::join!(first, second, third);
        assert_eq!((first, second), (Ok(1), Ok(2)));
        assert_eq!(third.unwrap_err().code, Code::Limit);
        assert_eq!(searches.spare.lock().len(), 1, "both searches used the same memory");
    }

    #[tokio::test]
    async fn a_search_that_panics_costs_its_caller_the_answer_and_nobody_else_anything() {
        let searches = Searches::new(1, 8);
        let broken = searches.run(|_| panic!("a search panics in this test")).await;
        assert_eq!(broken.map(|(): ()| ()).unwrap_err().code, Code::Internal);
        let others = join_all((0..8).map(|number| searches.run(move |_| number))).await;
        assert!(others.iter().all(Result::is_ok));
    }
}
