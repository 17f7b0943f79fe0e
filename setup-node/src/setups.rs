//! Route requests under way: admitted, driven, recorded, answered.

use std::{sync::Arc, time::Instant};

use byway_base::{Code, Problem, RouteId};
use byway_clock::unix_now;
use byway_service_kit::Check;
use byway_setup::{Asked, Initiators, Outcome, Saga};
use byway_wire::setup::{Failure, Reply};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::{
    NodeCaller,
    admission::{Admission, Bounds, Full, Permit},
    clock::Clock,
    driver::drive,
    routes::{Route, Routes},
    stats::{Ending, Stats},
};

/// Takes route requests and answers each when its route stands or is undone. Cheap to clone.
pub(crate) struct Setups<C>(Arc<Inner<C>>);

struct Inner<C> {
    caller: C,
    clock: Clock,
    admission: Admission,
    initiators: Initiators,
    routes: Routes,
    stats: Stats,
    journal: Check,
    tasks: TaskTracker,
}

impl<C: NodeCaller> Setups<C> {
    /// `journal` is the readiness check that tells whether routes are being recorded.
    pub(crate) fn new(caller: C, routes: Routes, bounds: Bounds, journal: Check) -> Self {
        journal.ok();
        Self(Arc::new(Inner {
            caller,
            clock: Clock::start(),
            admission: Admission::new(bounds),
            initiators: Initiators::new(rand::random()),
            routes,
            stats: Stats::default(),
            journal,
            tasks: TaskTracker::new(),
        }))
    }

    /// Establishes the route that is asked for.
    ///
    /// Cancelling gives up the answer only; the request goes on to its end, and a route that its source never heard of
    /// is never used, so that its leases end it.
    pub(crate) async fn establish(&self, asked: Asked) -> Reply {
        let started = Instant::now();
        let outcome = match self.begin(asked, started) {
            Ok(outcome) => outcome,
            Err(failure) => {
                let refused = Ending::Refused(failure);
                self.0.stats.ended(&refused, started.elapsed());
                return refused.reply();
            }
        };
        let ending = outcome.await.unwrap_or_else(|_| {
            let why = "the request was given up midway".to_owned();
            Ending::Undone(Failure { code: Code::Internal, why })
        });
        ending.reply()
    }

    /// Takes no more requests, and waits until those under way are over, undo included.
    pub(crate) async fn drain(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The routes known.
    pub(crate) fn routes(&self) -> &Routes {
        &self.0.routes
    }

    /// What happened since the start.
    pub(crate) fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.0.admission.under_way()
    }

    /// How nodes are reached.
    pub(crate) fn caller(&self) -> &C {
        &self.0.caller
    }

    /// Routes of the list turned out to be over.
    pub(crate) async fn ended(&self, routes: Vec<RouteId>) {
        let (count, written) = self.0.routes.ended(routes).await;
        self.0.stats.noticed_ended(u64::try_from(count).unwrap_or(u64::MAX));
        self.recorded(written);
    }

    /// The journal was written, or not.
    pub(crate) fn recorded(&self, written: Result<(), Problem>) {
        self.0.recorded(written);
    }

    /// Refuses if the service is about to stop.
    pub(crate) fn takes_requests(&self) -> Result<(), Failure> {
        if self.0.tasks.is_closed() {
            let why = "this setup node is about to stop".to_owned();
            return Err(Failure { code: Code::NotReady, why });
        }
        Ok(())
    }

    fn begin(&self, asked: Asked, started: Instant) -> Result<oneshot::Receiver<Ending>, Failure> {
        self.takes_requests()?;
        let permit = self.0.admission.admit(asked.caller).map_err(|full| {
            // Another setup node has room for those who found this one busy, not for those who ask too much.
            let code = if full == Full::AtOnce { Code::NotReady } else { Code::Limit };
            Failure { code, why: full.to_string() }
        })?;
        let unix = unix_now();
        let now = self.0.clock.now();
        let saga = Saga::new(now, unix, &asked, &self.0.initiators, &mut || rand::random());
        if let Some(Outcome::Failed(failure)) = saga.outcome() {
            return Err(failure);
        }
        let route = Route::new(&asked.request, asked.hops, unix);
        self.0
            .routes
            .begin(route)
            .map_err(|taken| Failure { code: Code::Replayed, why: taken.to_string() })?;
        let (answer, outcome) = oneshot::channel();
        self.0.tasks.spawn(Arc::clone(&self.0).run(saga, permit, started, answer));
        Ok(outcome)
    }
}

impl<C: NodeCaller> Inner<C> {
    async fn run(
        self: Arc<Self>,
        mut saga: Saga,
        permit: Permit,
        started: Instant,
        answer: oneshot::Sender<Ending>,
    ) {
        let route = saga.route();
        drive(&mut saga, &self.caller, self.clock, async |outcome| {
            let ending = match outcome {
                Outcome::Established { label_out } => {
                    self.recorded(self.routes.installed(route).await);
                    Ending::Established { label_out }
                }
                Outcome::Failed(failure) => {
                    self.routes.fail(route);
                    Ending::Undone(failure)
                }
            };
            self.stats.ended(&ending, started.elapsed());
            // A source that is gone has no use for the answer.
            let _ = answer.send(ending);
        })
        .await;
        let left: Vec<_> = saga.not_undone().map(|node| node.short()).collect();
        if !left.is_empty() {
            tracing::debug!(%route, nodes = ?left, "not undone; the leases will do it");
        }
        drop(permit);
    }

    fn recorded(&self, written: Result<(), Problem>) {
        match written {
            Ok(()) => self.journal.ok(),
            Err(problem) => self.journal.degraded(problem.to_string()),
        }
    }
}

impl<C> Clone for Setups<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests;
