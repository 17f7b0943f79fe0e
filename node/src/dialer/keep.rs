//! Keeps a session's routes: probes them, replaces lost ones, ends the session when nobody uses it.

use std::{
    collections::BTreeSet,
    future::pending,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use byway_api::route_finder::PathView;
use byway_base::{PublicKey, TransportId, limits::ROUTE_PROBE_INTERVAL};
use byway_net::Backoff;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Dialer, Inner, Kept};

/// A session without streams for this long is closed.
const UNUSED: Duration = Duration::from_secs(60);
/// How often a session without routes is looked at.
const LOOK: Duration = ROUTE_PROBE_INTERVAL;

/// Runs until the session is over. Holds the dialer only while it works, so that a stopped node is let go.
pub(super) async fn keep(dialer: Weak<Inner>, stop: CancellationToken, kept: Arc<Kept>) {
    let group = &kept.session.group;
    let wanted = kept.choice.routes_wanted();
    let mut backoff = Backoff::default();
    let mut used = Instant::now();
    let mut retry = Instant::now();
    let mut adding: Option<Adding> = None;
    loop {
        let Some(inner) = dialer.upgrade() else { return };
        let dialer = Dialer { inner };
        group.probe();
        dialer.tell(&kept);
        if kept.session.users() > 0 {
            used = Instant::now();
        }
        let over = !kept.session.is_alive() || used.elapsed() >= UNUSED;
        if over && adding.is_none() {
            kept.session.close().await;
            dialer.forget(&kept);
            return;
        }
        let missing = !over && adding.is_none() && group.missing(wanted) > 0;
        if missing && Instant::now() >= retry {
            adding = Some(Box::pin(add_route(dialer, kept.clone())));
            continue;
        }
        drop(dialer);
        group.rest();
        let next = Instant::now() + group.timeout().unwrap_or(LOOK);
        let next = if missing { retry.min(next) } else { next };
        tokio::select! {
            () = sleep_until(next) => {}
            () = group.changed() => {}
            () = kept.session.closed(), if !over => {}
            added = installed(&mut adding) => match added {
                true => backoff.reset(),
                false => retry = Instant::now() + backoff.next(rand::random()),
            },
            () = stop.cancelled(), if adding.is_none() => return,
        }
    }
}

/// Has a route installed meanwhile; true if it was. Never abandoned half-way, so that nothing is left behind.
type Adding = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Waits until the route under way is installed or refused; forever if there is none. Cancel safe.
async fn installed(adding: &mut Option<Adding>) -> bool {
    let Some(future) = adding else { return pending().await };
    let added = future.await;
    *adding = None;
    added
}

async fn add_route(dialer: Dialer, kept: Arc<Kept>) -> bool {
    dialer.add_route(&kept).await
}

impl Dialer {
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
