//! Keeps a session's routes: probes them, replaces lost ones, ends the session when nobody uses it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    time::Duration,
};

use byway_api::route_finder::PathView;
use byway_base::{PublicKey, TransportId, limits::ROUTE_PROBE_INTERVAL};
use byway_net::Backoff;
use byway_routing::GroupEvent;
use byway_wire::Reason;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{Dialer, Inner, Kept};
use crate::events::NodeEvent;

/// A session without streams for this long is closed.
const UNUSED: Duration = Duration::from_secs(60);

/// Runs until the session is over. Holds the dialer only while it works, so that a stopped node is let go.
pub(super) async fn keep(dialer: Weak<Inner>, stop: CancellationToken, kept: Arc<Kept>) {
    let mut backoff = Backoff::default();
    let mut used = Instant::now();
    let mut retry = Instant::now();
    let mut probe = Instant::now() + ROUTE_PROBE_INTERVAL;
    loop {
        let Some(inner) = dialer.upgrade() else { return };
        let dialer = Dialer { inner };
        dialer.handle_group_events(&kept);
        if !kept.session.is_alive() || used.elapsed() >= UNUSED {
            kept.session.close().await;
            dialer.forget(&kept);
            return;
        }
        if kept.session.users() > 0 {
            used = Instant::now();
        }
        let wanted = kept.routes_wanted();
        if kept.session.group.len() < wanted && Instant::now() >= retry {
            match dialer.add_route(&kept).await {
                true => backoff.reset(),
                false => retry = Instant::now() + backoff.next(rand::random()),
            }
            continue;
        }
        if Instant::now() >= probe {
            kept.session.group.probe();
            probe = Instant::now() + ROUTE_PROBE_INTERVAL;
        }
        drop(dialer);
        let next = if kept.session.group.len() < wanted { retry.min(probe) } else { probe };
        tokio::select! {
            () = sleep_until(next) => {}
            () = kept.session.group.changed() => {}
            () = kept.session.closed() => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Kept {
    fn routes_wanted(&self) -> usize {
        self.choice.policy().ok().flatten().map_or(1, |policy| policy.routes_wanted())
    }
}

impl Dialer {
    fn handle_group_events(&self, kept: &Kept) {
        while let Some(event) = kept.session.group.pop_event() {
            match event {
                GroupEvent::Switched { from, to, reason } => {
                    if let Some(reason) = reason {
                        info!(peer = %kept.session.to.key.short(), ?from, ?to, %reason, "route switched");
                    }
                    self.inner.parts.events.publish(NodeEvent::RouteSwitched {
                        peer: kept.session.to,
                        from,
                        to,
                        reason,
                    });
                }
                GroupEvent::Broken { reason } => {
                    info!(peer = %kept.session.to.key.short(), %reason, "no route left");
                    self.inner.parts.events.publish(NodeEvent::RouteLost { peer: kept.session.to, reason });
                }
                GroupEvent::Silent { route } => {
                    self.inner.parts.dataplane.remove_route(&route, Reason::Silent);
                }
            }
        }
        let live: BTreeSet<_> = kept.session.group.view().into_iter().map(|view| view.route).collect();
        kept.routes.lock().retain(|route, _| live.contains(route));
    }

    /// Installs one more route, over a path that shares no intermediate with those in use if there is one. A session
    /// without any route takes whatever path there is.
    async fn add_route(&self, kept: &Kept) -> bool {
        let session = &kept.session;
        let paths = match self.further_paths(session.to.key, &kept.choice).await {
            Ok(paths) => paths,
            Err(problem) => {
                debug!(peer = %session.to.key.short(), %problem, "no path for another route");
                return false;
            }
        };
        let (nodes, transports) = kept.in_use();
        for path in paths.iter().filter(|path| is_disjoint(path, &nodes, &transports)) {
            match self.install(session.to, session.port, &session.group, path).await {
                Ok((route, established)) => {
                    kept.routes.lock().insert(route, established);
                    return true;
                }
                Err(problem) => debug!(peer = %session.to.key.short(), %problem, "path not taken"),
            }
        }
        false
    }
}

impl Kept {
    fn in_use(&self) -> (BTreeSet<PublicKey>, BTreeSet<TransportId>) {
        let routes = self.routes.lock();
        let nodes = routes.values().flat_map(|route| route.intermediates().copied()).collect();
        let transports =
            routes.values().flat_map(|route| route.hops.iter().map(|hop| hop.transport)).collect();
        (nodes, transports)
    }
}

fn is_disjoint(path: &PathView, nodes: &BTreeSet<PublicKey>, transports: &BTreeSet<TransportId>) -> bool {
    let between = path.hops.iter().rev().skip(1);
    between.clone().all(|hop| !nodes.contains(&hop.to))
        && path.hops.iter().all(|hop| !transports.contains(&hop.transport))
}
