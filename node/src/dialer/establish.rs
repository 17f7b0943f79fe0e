//! Begins a session: finds a path, has its route installed, shakes hands over it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use byway_api::route_finder::PathView;
use byway_base::{
    Code, OverlayAddress, Policy, Port, Problem, PublicKey, RouteId, TransportId, TransportType,
};
use byway_wire::Hop;
use parking_lot::Mutex;
use tracing::debug;

use super::{Dialer, Kept, PathChoice, is_relayed};
use crate::{group::Group, session::Session, setup::RouteWanted, transports::Live};

/// Paths asked for beyond the routes wanted, in case that some can no longer be installed.
const MORE_PATHS: usize = 2;

/// A hop of an installed route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopInfo {
    /// The transport.
    pub transport: TransportId,
    /// Its type.
    pub kind: TransportType,
    /// The node that it reaches.
    pub to: PublicKey,
    /// Its round-trip time as the finder knew it.
    pub rtt: Duration,
}

/// A route of a session, for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// The route.
    pub route: RouteId,
    /// It carries the session now, alone or with others.
    pub active: bool,
    /// Round-trip time from end to end, once measured.
    pub rtt: Option<Duration>,
    /// The path.
    pub hops: Vec<HopInfo>,
}

/// A route that this node had installed.
#[derive(Debug, Clone)]
pub(super) struct Established {
    pub(super) hops: Vec<HopInfo>,
}

impl Established {
    /// The nodes between the ends.
    pub(super) fn intermediates(&self) -> impl Iterator<Item = &PublicKey> {
        self.hops.iter().rev().skip(1).map(|hop| &hop.to)
    }
}

impl Kept {
    /// The session's routes, the active ones first.
    pub(crate) fn routes(&self) -> Vec<RouteInfo> {
        let routes = self.routes.lock();
        let info = |view: byway_routing::MemberView| {
            let hops = routes.get(&view.route)?.hops.clone();
            Some(RouteInfo { route: view.route, active: view.active, rtt: view.rtt, hops })
        };
        self.session.group.view().into_iter().filter_map(info).collect()
    }
}

impl Dialer {
    pub(super) async fn begin(&self, to: OverlayAddress, choice: PathChoice) -> Result<Arc<Kept>, Problem> {
        let parts = &self.inner.parts;
        let paths = self.first_paths(to.key, &choice).await?;
        let Some((port, group)) = parts.groups.begin(choice.routes_active()) else {
            return Err(Problem::new(
                Code::Limit,
                "cannot begin a session",
                "the node has as many as it may",
            ));
        };
        let begun = self.begin_over(to, port, group.clone(), &paths).await;
        let (session, route, established) = match begun {
            Ok(begun) => begun,
            Err(problem) => {
                group.close();
                parts.groups.end_outbound(port);
                return Err(problem);
            }
        };
        let routes = Mutex::new(BTreeMap::from([(route, established)]));
        let kept = Arc::new(Kept { session, choice, routes });
        self.inner.tasks.spawn(super::keep::keep(self.downgrade(), parts.stop.clone(), kept.clone()));
        Ok(kept)
    }

    /// The first path that can be installed carries the session.
    async fn begin_over(
        &self,
        to: OverlayAddress,
        port: Port,
        group: Arc<Group>,
        paths: &[PathView],
    ) -> Result<(Session, RouteId, Established), Problem> {
        let parts = &self.inner.parts;
        let mut last = Problem::new(Code::NoPath, "cannot set up a route", "the route finder named no path");
        for path in paths {
            let (route, established) = match self.install(to, port, &group, path).await {
                Ok(installed) => installed,
                Err(problem) => {
                    debug!(to = %to.key.short(), %problem, "path not taken");
                    let again = is_worth_another_path(problem.code);
                    last = problem;
                    if again { continue } else { break }
                }
            };
            let session = Session::connect(&parts.identity, to, port, group.clone()).await;
            return match session {
                Ok(session) => Ok((session, route, established)),
                Err(problem) => {
                    self.abandon(route);
                    Err(problem)
                }
            };
        }
        Err(last)
    }

    /// Has one more route installed and adds it to the group.
    pub(super) async fn install(
        &self,
        to: OverlayAddress,
        port: Port,
        group: &Arc<Group>,
        path: &PathView,
    ) -> Result<(RouteId, Established), Problem> {
        let parts = &self.inner.parts;
        let hops: Vec<Hop> = path.to_hops();
        let source = OverlayAddress { key: parts.secret.public(), port };
        let wanted = RouteWanted { source, destination: to, hops: &hops, group };
        let (route, key) = parts.setup_nodes.establish(&wanted).await?;
        parts.groups.attach(group, route, key, hops.len());
        group.probe();
        Ok((route, Established { hops: path.hops.iter().map(HopInfo::from).collect() }))
    }

    pub(super) fn abandon(&self, route: RouteId) {
        self.inner.parts.dataplane.remove_route(&route, byway_wire::Reason::Closed);
    }

    /// The paths to begin with, best first.
    pub(super) async fn first_paths(
        &self,
        to: PublicKey,
        choice: &PathChoice,
    ) -> Result<Vec<PathView>, Problem> {
        match &choice.exact {
            Some(transports) => Ok(vec![self.inner.parts.paths.exact(to, transports).await?]),
            None => self.further_paths(to, choice).await,
        }
    }

    /// The paths for spares and replacements, best first. An exact path without a policy may only be built anew.
    pub(super) async fn further_paths(
        &self,
        to: PublicKey,
        choice: &PathChoice,
    ) -> Result<Vec<PathView>, Problem> {
        let paths = &self.inner.parts.paths;
        match (choice.policy()?, &choice.exact) {
            (Some(policy), _) => {
                let found = paths.find(to, &policy, policy.routes_wanted() + MORE_PATHS).await;
                found.or_else(|problem| self.own_transport(to, &policy).ok_or(problem))
            }
            (None, exact) => Ok(vec![paths.exact(to, exact.as_deref().unwrap_or_default()).await?]),
        }
    }

    /// While nobody answers path queries, an own transport to the peer still is a path.
    fn own_transport(&self, to: PublicKey, policy: &Policy) -> Option<Vec<PathView>> {
        if policy.hops_least() > 1 || !policy.via.is_empty() {
            return None;
        }
        self.inner.parts.transports.with_table(|table| {
            let fits = |live: &Live| live.peer == to && policy.allows_type(&live.entry.entry.kind);
            let fitting = table.iter().filter(|(_, live)| fits(live));
            let (id, live) = fitting.min_by_key(|(_, live)| is_relayed(&live.entry.entry.kind))?;
            let hop = byway_api::route_finder::HopView {
                transport: *id,
                from: self.inner.parts.secret.public(),
                to,
                kind: live.entry.entry.kind.clone(),
                metrics: byway_api::transport_discovery::Metrics::default(),
            };
            Some(vec![PathView { hops: vec![hop], cost: 0.0, rtt_us: 0 }])
        })
    }
}

/// Another path may do better, unless the destination itself or the right to ask is what fails.
pub(super) fn is_worth_another_path(code: Code) -> bool {
    !matches!(
        code,
        Code::NoListener | Code::Denied | Code::BadSignature | Code::ClockSkew | Code::SetupUnreachable
    )
}

impl From<&byway_api::route_finder::HopView> for HopInfo {
    fn from(hop: &byway_api::route_finder::HopView) -> Self {
        Self {
            transport: hop.transport,
            kind: hop.kind.clone(),
            to: hop.to,
            rtt: Duration::from_micros(u64::from(hop.metrics.rtt_us)),
        }
    }
}
