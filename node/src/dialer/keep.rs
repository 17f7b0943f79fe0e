//! Keeps a session's routes: probes them, replaces lost ones, looks for better ones, ends the session when nobody uses it.

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

use super::{Dialer, Inner, Kept, better::Looked, looks::Looks};

/// A session without streams for this long is closed.
const UNUSED: Duration = Duration::from_secs(60);
/// How often a session without routes is looked at.
const LOOK: Duration = ROUTE_PROBE_INTERVAL;

/// Runs until the session is over. Holds the dialer only while it works, so that a stopped node is let go.
pub(super) async fn keep(dialer: Weak<Inner>, stop: CancellationToken, kept: Arc<Kept>) {
    let Some(mut transports) = dialer.upgrade().map(|inner| inner.parts.transports.changes()) else { return };
    let group = &kept.session.group;
    let wanted = kept.choice.routes_wanted();
    let mut backoff = Backoff::default();
    let mut looks = Looks::new(kept.choice.may_move(), Instant::now());
    let mut used = Instant::now();
    let mut retry = Instant::now();
    let mut work: Option<Work> = None;
    loop {
        let Some(inner) = dialer.upgrade() else { return };
        let dialer = Dialer { inner };
        group.probe();
        dialer.tell(&kept);
        if kept.session.users() > 0 {
            used = Instant::now();
        }
        let over = !kept.session.is_alive() || used.elapsed() >= UNUSED;
        if over && work.is_none() {
            kept.session.close().await;
            dialer.forget(&kept);
            return;
        }
        let free = !over && work.is_none();
        let missing = free && group.missing(wanted) > 0;
        if missing && Instant::now() >= retry {
            work = Some(Box::pin(add_route(dialer, kept.clone())));
            continue;
        }
        if free && looks.due().is_some_and(|due| Instant::now() >= due) {
            work = Some(Box::pin(improve(dialer, kept.clone())));
            continue;
        }
        drop(dialer);
        group.rest();
        let mut next = Instant::now() + group.timeout().unwrap_or(LOOK);
        if missing {
            next = next.min(retry);
        }
        if let Some(look) = looks.due().filter(|_| free) {
            next = next.min(look);
        }
        tokio::select! {
            () = sleep_until(next) => {}
            () = group.changed() => {}
            () = kept.session.closed(), if !over => {}
            // The sender lives as long as the dialer.
            Ok(()) = transports.changed() => retry = retry.min(looks.news(Instant::now())),
            done = done(&mut work) => match done {
                Done::Added(true) => backoff.reset(),
                Done::Added(false) => retry = Instant::now() + backoff.next(rand::random()),
                Done::Looked(looked) => looks.looked(looked, Instant::now()),
            },
            () = stop.cancelled(), if work.is_none() => return,
        }
    }
}

/// What is done meanwhile. Never abandoned half-way, so that nothing is left behind.
type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What it led to.
enum Done {
    /// Whether a missing route was installed.
    Added(bool),
    /// What was found of better ones.
    Looked(Looked),
}

/// Waits until the work under way is done; forever if there is none. Cancel safe.
async fn done(work: &mut Option<Work>) -> Done {
    let Some(future) = work else { return pending().await };
    let done = future.await;
    *work = None;
    done
}

async fn add_route(dialer: Dialer, kept: Arc<Kept>) -> Done {
    Done::Added(dialer.add_route(&kept).await)
}

async fn improve(dialer: Dialer, kept: Arc<Kept>) -> Done {
    Done::Looked(dialer.improve(&kept).await)
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
