//! The routes that the node itself has asked for and awaits.

use std::collections::BTreeMap;

use byway_base::{Moment, RouteId, TransportId, limits::SETUP_TIMEOUT};
use byway_wire::SignedRouteRequest;

use super::Refusal;

/// Requests under way, by route. The node registers each before it asks a setup node, so that only what it asked for is
/// accepted, and only once.
#[derive(Debug, Default)]
pub(super) struct Expected(BTreeMap<RouteId, Awaited>);

#[derive(Debug)]
struct Awaited {
    request: SignedRouteRequest,
    first: TransportId,
    until: Moment,
}

impl Expected {
    /// Awaits a route for [`SETUP_TIMEOUT`].
    pub(super) fn insert(&mut self, now: Moment, request: SignedRouteRequest, first: TransportId) {
        let until = now + SETUP_TIMEOUT;
        self.0.insert(request.request.route, Awaited { request, first, until });
    }

    /// Awaits it no more.
    pub(super) fn remove(&mut self, route: RouteId) {
        self.0.remove(&route);
    }

    /// Whether the route is awaited over this transport.
    pub(super) fn allows(&self, route: RouteId, first: TransportId) -> Result<(), Refusal> {
        match self.0.get(&route) {
            Some(awaited) if awaited.first == first => Ok(()),
            _ => Err(Refusal::NotExpected),
        }
    }

    /// Takes the route out if this is the very request that the node signed.
    pub(super) fn take(&mut self, route: RouteId, request: &SignedRouteRequest) -> Result<(), Refusal> {
        match self.0.get(&route) {
            Some(awaited) if awaited.request == *request => {
                self.0.remove(&route);
                Ok(())
            }
            _ => Err(Refusal::NotExpected),
        }
    }

    /// Forgets what was not installed in time.
    pub(super) fn expire(&mut self, now: Moment) {
        self.0.retain(|_, awaited| now < awaited.until);
    }

    /// When the next one is forgotten.
    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        self.0.values().map(|awaited| awaited.until).min()
    }
}
