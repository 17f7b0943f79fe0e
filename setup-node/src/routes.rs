//! The routes that this setup node has installed, for administrators. In memory, and behind it a journal.

mod commits;
mod journal;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    path::Path,
    sync::Arc,
};

use byway_api::setup_node::{RouteState, RouteView};
use byway_base::{OverlayAddress, Problem, PublicKey, RouteId, UnixTime, limits::SETUP_ROUTES_KNOWN};
use byway_wire::{Hop, SignedRouteRequest};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use commits::Commits;
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

    /// The nodes of the path, from the source to the destination.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = PublicKey> {
        let source = self.hops.first().map(|hop| hop.from);
        source.into_iter().chain(self.hops.iter().map(|hop| hop.to))
    }

    fn view(&self, state: RouteState, now: UnixTime) -> RouteView {
        let Self { id, source, destination, created, .. } = *self;
        let age_seconds = now.0.saturating_sub(created.0);
        RouteView { id, source, destination, hops: self.hops.clone(), state, created, age_seconds }
    }
}

/// Which routes are wanted; every condition that is there must hold.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter {
    /// Who asked for it.
    pub(crate) owner: Option<PublicKey>,
    /// Is on its path, the ends included.
    pub(crate) node: Option<PublicKey>,
    pub(crate) state: Option<RouteState>,
}

impl Filter {
    fn lets(&self, route: &Route, state: RouteState) -> bool {
        self.owner.is_none_or(|owner| owner == route.source.key)
            && self.state.is_none_or(|wanted| wanted == state)
            && self.node.is_none_or(|node| route.nodes().any(|other| other == node))
    }
}

/// The id of a requested route is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a route of this id is known already")]
pub(crate) struct Taken;

/// Every route known, at most [`SETUP_ROUTES_KNOWN`]; beyond it the oldest is forgotten. Forgetting removes no rules.
///
/// Cheap to clone. Installed routes survive a restart, `kill -9` included: each is in the journal before its source is
/// told of it. A route that its nodes ended by themselves stays listed until it is audited.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    known: Arc<Mutex<Known>>,
    commits: Commits,
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
        Ok(Self { known: Arc::new(Mutex::new(known)), commits: Commits::new(journal) })
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
        self.write([Change::Installed(route)]).await
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
        self.write([Change::Removed(id)]).await
    }

    /// Its nodes have ended these routes by themselves. Answers how many of them were listed as installed.
    ///
    /// # Errors
    /// [`byway_base::Code::File`] if they will be listed again after a restart.
    pub(crate) async fn ended(&self, ids: Vec<RouteId>) -> (usize, Result<(), Problem>) {
        let changes: Vec<_> = {
            let mut known = self.known.lock();
            let installed =
                |id: &RouteId| known.routes.get(id).is_some_and(|(_, state)| *state == RouteState::Installed);
            let over: Vec<_> = ids.into_iter().filter(installed).collect();
            over.iter().for_each(|id| known.remove(*id));
            over.into_iter().map(Change::Removed).collect()
        };
        let count = changes.len();
        let written = if count == 0 { Ok(()) } else { self.write(changes).await };
        (count, written)
    }

    /// One route, if it is installed.
    pub(crate) fn installed_route(&self, id: RouteId) -> Option<Route> {
        let known = self.known.lock();
        known
            .routes
            .get(&id)
            .filter(|(_, state)| *state != RouteState::Installing)
            .map(|(route, _)| route.clone())
    }

    /// Up to `limit` installed routes that follow `after` in the order of their ids and were asked for before `created`.
    pub(crate) fn installed_before(&self, created: u64, after: Option<RouteId>, limit: usize) -> Vec<Route> {
        let known = self.known.lock();
        let old = known
            .after(after)
            .filter(|(route, state)| *state == RouteState::Installed && route.created.0 <= created);
        old.take(limit).map(|(route, _)| route.clone()).collect()
    }

    /// One route.
    pub(crate) fn get(&self, id: RouteId, now: UnixTime) -> Option<RouteView> {
        self.known.lock().routes.get(&id).map(|(route, state)| route.view(*state, now))
    }

    /// Up to `limit` routes of those wanted that follow `after` in the order of their ids, and whether more follow.
    pub(crate) fn list(
        &self,
        filter: Filter,
        after: Option<RouteId>,
        limit: usize,
        now: UnixTime,
    ) -> (Vec<RouteView>, bool) {
        let known = self.known.lock();
        let mut rest = known.after(after).filter(|(route, state)| filter.lets(route, *state));
        let page = rest.by_ref().take(limit).map(|(route, state)| route.view(*state, now)).collect();
        (page, rest.next().is_some())
    }

    /// How many are installed.
    pub(crate) fn count(&self) -> usize {
        self.known.lock().routes.values().filter(|(_, state)| *state != RouteState::Installing).count()
    }

    async fn write(&self, changes: impl IntoIterator<Item = Change>) -> Result<(), Problem> {
        let known = self.known.clone();
        self.commits.commit(changes, move || known.lock().installed().cloned().collect()).await
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

    /// What follows `after` in the order of ids.
    fn after(&self, after: Option<RouteId>) -> impl Iterator<Item = &(Route, RouteState)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.routes.range((start, Bound::Unbounded)).map(|(_, listed)| listed)
    }

    fn installed(&self) -> impl Iterator<Item = &Route> {
        let installed = self.routes.values().filter(|(_, state)| *state != RouteState::Installing);
        installed.map(|(route, _)| route)
    }
}

#[cfg(test)]
mod tests;
