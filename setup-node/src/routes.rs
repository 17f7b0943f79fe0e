//! The routes that this setup node has installed, for administrators. In memory, and behind it a journal.

mod journal;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    path::Path,
    sync::Arc,
};

use byway_api::setup_node::{RouteState, RouteView};
use byway_base::{OverlayAddress, Problem, RouteId, UnixTime, limits::SETUP_ROUTES_KNOWN};
use byway_wire::{Hop, SignedRouteRequest};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use journal::{Change, Journal};

/// One route, as it is kept and written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) id: RouteId,
    pub(crate) source: OverlayAddress,
    pub(crate) destination: OverlayAddress,
    pub(crate) hops: Vec<Hop>,
    pub(crate) created: UnixTime,
}

impl Route {
    pub(crate) fn new(signed: &SignedRouteRequest, hops: Vec<Hop>, created: UnixTime) -> Self {
        let request = &signed.request;
        Self { id: request.route, source: request.source, destination: request.destination, hops, created }
    }

    fn view(&self, state: RouteState, now: UnixTime) -> RouteView {
        let Self { id, source, destination, created, .. } = *self;
        let age_seconds = now.0.saturating_sub(created.0);
        RouteView { id, source, destination, hops: self.hops.clone(), state, created, age_seconds }
    }
}

/// The id of a requested route is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a route of this id is known already")]
pub(crate) struct Taken;

/// Every route known, at most [`SETUP_ROUTES_KNOWN`]; beyond it the oldest is forgotten. Forgetting removes no rules.
///
/// Cheap to clone. Installed routes survive a restart, `kill -9` included: each is in the journal before its source is
/// told of it. A route that its nodes dropped by themselves, as idle, stays listed until it is removed or forgotten:
/// nodes do not report to setup nodes.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    known: Arc<Mutex<Known>>,
    // Locked before `known`, never after it, so that readers do not wait for a disk.
    journal: Arc<Mutex<Journal>>,
}

#[derive(Debug, Default)]
struct Known {
    routes: BTreeMap<RouteId, (Route, RouteState)>,
    by_age: BTreeSet<(UnixTime, RouteId)>,
}

impl Routes {
    /// Reads what a former process left in `directory`, which is created if absent. Blocks.
    ///
    /// # Errors
    /// [`byway_base::Code::File`] if the journal cannot be read or written.
    pub(crate) fn open(directory: &Path) -> Result<Self, Problem> {
        let mut known = Known::default();
        let mut journal = Journal::open(directory, |change| match change {
            Change::Installed(route) => known.insert(route, RouteState::Installed),
            Change::Removed(id) => {
                known.remove(id);
            }
        })?;
        journal.compact(known.installed())?;
        Ok(Self { known: Arc::new(Mutex::new(known)), journal: Arc::new(Mutex::new(journal)) })
    }

    /// A request for the route is under way; only in memory, for its leases end it if the process dies.
    pub(crate) fn begin(&self, route: Route) -> Result<(), Taken> {
        let mut known = self.known.lock();
        if known.routes.contains_key(&route.id) {
            return Err(Taken);
        }
        known.insert(route, RouteState::Installing);
        Ok(())
    }

    /// The request failed.
    pub(crate) fn fail(&self, id: RouteId) {
        self.known.lock().remove(id);
    }

    /// The route stands. Listed from now on even if the journal cannot be written.
    ///
    /// # Errors
    /// [`byway_base::Code::File`] if it will not survive a restart.
    pub(crate) async fn installed(&self, id: RouteId) -> Result<(), Problem> {
        let Some(route) = self.known.lock().change(id, RouteState::Installed) else { return Ok(()) };
        self.write(Change::Installed(route)).await
    }

    /// An administrator wants the route removed; answers it if it is installed.
    pub(crate) fn begin_removal(&self, id: RouteId) -> Option<Route> {
        let mut known = self.known.lock();
        let (_, state) = known.routes.get(&id)?;
        if *state == RouteState::Installed { known.change(id, RouteState::Removing) } else { None }
    }

    /// The removal failed; it can be tried again.
    pub(crate) fn keep(&self, id: RouteId) {
        self.known.lock().change(id, RouteState::Installed);
    }

    /// Every node has removed the route.
    ///
    /// # Errors
    /// [`byway_base::Code::File`] if the route will be listed again after a restart.
    pub(crate) async fn removed(&self, id: RouteId) -> Result<(), Problem> {
        self.known.lock().remove(id);
        self.write(Change::Removed(id)).await
    }

    /// One route.
    pub(crate) fn get(&self, id: RouteId, now: UnixTime) -> Option<RouteView> {
        self.known.lock().routes.get(&id).map(|(route, state)| route.view(*state, now))
    }

    /// Up to `limit` routes that follow `after` in the order of their ids, and whether more follow.
    pub(crate) fn list(&self, after: Option<RouteId>, limit: usize, now: UnixTime) -> (Vec<RouteView>, bool) {
        let known = self.known.lock();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = known.routes.range((start, Bound::Unbounded));
        let page = rest.by_ref().take(limit).map(|(_, (route, state))| route.view(*state, now)).collect();
        (page, rest.next().is_some())
    }

    /// How many are installed.
    pub(crate) fn count(&self) -> usize {
        self.known.lock().routes.values().filter(|(_, state)| *state != RouteState::Installing).count()
    }

    async fn write(&self, change: Change) -> Result<(), Problem> {
        let routes = self.clone();
        let written = spawn_blocking(move || {
            let mut journal = routes.journal.lock();
            journal.append(&change)?;
            if journal.is_long() {
                let installed = routes.known.lock().installed().cloned().collect::<Vec<_>>();
                journal.compact(installed.iter())?;
            }
            Ok(())
        });
        written.await.expect("writing does not panic, and nobody aborts it")
    }
}

impl Known {
    fn insert(&mut self, route: Route, state: RouteState) {
        let (id, created) = (route.id, route.created);
        self.remove(id);
        self.routes.insert(id, (route, state));
        self.by_age.insert((created, id));
        if self.routes.len() > SETUP_ROUTES_KNOWN
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.routes.remove(&oldest);
        }
    }

    fn remove(&mut self, id: RouteId) {
        if let Some((route, _)) = self.routes.remove(&id) {
            self.by_age.remove(&(route.created, id));
        }
    }

    fn change(&mut self, id: RouteId, state: RouteState) -> Option<Route> {
        let (route, former) = self.routes.get_mut(&id)?;
        *former = state;
        Some(route.clone())
    }

    fn installed(&self) -> impl Iterator<Item = &Route> {
        let installed = self.routes.values().filter(|(_, state)| *state != RouteState::Installing);
        installed.map(|(route, _)| route)
    }
}

#[cfg(test)]
mod tests;
