//! Measures a route hop by hop: each node of it is asked for answers, and where they end, the route is broken.
//!
//! What a node answers is its own word: a trace is not signed, and a node could answer in the place of those behind it.
//! It serves to find what is broken, not who lies.

mod gather;
mod report;
mod table;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use byway_base::{
    Code, OverlayAddress, Problem, PublicKey, RouteId,
    limits::{DIAL_TIMEOUT, TRACE_COUNT_MAX},
};
use byway_routing::RouteKey;
use byway_wire::Reason;
use tokio::{sync::mpsc, time::timeout};

use crate::{
    Node,
    dialer::{HopInfo, PathChoice, Trial},
    echo::ECHO_PORT,
};

pub(crate) use table::Traces;

/// Which route to trace, and how.
#[derive(Debug, Clone)]
pub struct TraceTarget {
    /// The node at its end.
    pub peer: PublicKey,
    /// How its path was chosen, or is to be if no session has such a route. None: any session's.
    pub choice: Option<PathChoice>,
    /// This route of a session of this node, instead of the one that carries the session.
    pub route: Option<RouteId>,
    /// How many answers each node is asked for, 1 to [`TRACE_COUNT_MAX`].
    pub count: u32,
}

/// A trace under way. Dropping it ends it.
#[derive(Debug)]
pub struct Trace {
    /// The route.
    pub route: RouteId,
    /// Its path.
    pub hops: Vec<HopInfo>,
    /// Whether it carries a session. If not, it was installed for the trace and is taken out after it.
    pub in_use: bool,
    steps: mpsc::Receiver<TraceStep>,
}

impl Trace {
    /// What was found next; none after [`TraceStep::Ended`], or if the node stops. Cancel safe.
    pub async fn next(&mut self) -> Option<TraceStep> {
        self.steps.recv().await
    }
}

/// What a trace finds, hop after hop and then in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceStep {
    /// Everything that will be known about one hop, in the order of the path.
    Hop(HopTrace),
    /// The trace is over.
    Ended(Verdict),
}

/// What the node behind a hop answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopTrace {
    /// Which hop, the first being 1.
    pub number: usize,
    /// How often the node was asked.
    pub sent: u32,
    /// How often it answered.
    pub answered: u32,
    /// Shortest round-trip time from here to the node and back; none without an answer.
    pub least: Option<Duration>,
    /// Median of these.
    pub median: Option<Duration>,
    /// By how much the median is above that of the nearest node before it that answered; zero if it is below.
    pub added: Option<Duration>,
}

/// How a trace ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// The hop, the first being 1, behind which nobody answered; none if the far end did.
    pub broken: Option<usize>,
    /// What ended the route meanwhile, if something did.
    pub ended: Option<RouteEnd>,
}

/// What ended a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteEnd {
    /// Why.
    pub reason: Reason,
    /// How many hops from here the node is that ended it; 0 is this node.
    pub distance: u8,
}

/// A route that can be traced.
struct Traced {
    route: RouteId,
    key: RouteKey,
    hops: Vec<HopInfo>,
    /// The route was installed for the trace.
    trial: Option<Trial>,
}

impl Node {
    /// Asks every node of a route to a peer for answers, and tells hop by hop how long they took and how many were lost.
    /// Without a session that has a fitting route, one is installed for the trace.
    ///
    /// # Errors
    /// [`Code::NotFound`] if the route that is named is none of a session with the peer; [`Code::Usage`] for a count out
    /// of range; [`Code::Limit`] if too many traces are under way; why no route could be set up, with the node at which
    /// that failed.
    pub async fn trace(&self, target: TraceTarget) -> Result<Trace, Problem> {
        let what = || format!("cannot trace a route to {}", target.peer.short());
        if !(1..=TRACE_COUNT_MAX).contains(&target.count) {
            let why = format!("`count` is a number from 1 to {TRACE_COUNT_MAX}");
            return Err(Problem::new(Code::Usage, what(), why));
        }
        let traced = timeout(DIAL_TIMEOUT, self.traced(&target)).await.unwrap_or_else(|_| {
            Err(Problem::new(Code::Timeout, what(), format!("no route within {DIAL_TIMEOUT:?}")))
        });
        let Traced { route, key, hops, trial } = traced.map_err(|problem| problem.while_doing(what()))?;
        let heard = self.traces().listen(key).ok_or_else(|| {
            Problem::new(Code::Limit, what(), "as many traces are under way as a node makes at once")
        })?;
        // What ended the route before somebody listened is heard no more.
        if self.dataplane().key_of(&route) != Some(key) {
            return Err(Problem::new(Code::RouteLost, what(), "the route was gone as soon as it was there"));
        }
        let (tell, steps) = mpsc::channel(hops.len() + 1);
        let dataplane = self.dataplane().clone();
        let trace = Trace { route, hops: hops.clone(), in_use: trial.is_none(), steps };
        self.spawn(async move {
            tokio::select! {
                () = gather::gather(&dataplane, key, hops.len(), target.count, heard, &tell) => {}
                () = tell.closed() => {}
            }
            drop(trial);
        });
        Ok(trace)
    }

    async fn traced(&self, target: &TraceTarget) -> Result<Traced, Problem> {
        let fits = |kept: &Arc<crate::dialer::Kept>| {
            kept.session.to.key == target.peer
                && target.choice.as_ref().is_none_or(|choice| *choice == kept.choice)
        };
        let sessions = self.dialer().sessions().into_iter().filter(fits);
        let wanted = |info: &crate::RouteInfo| match target.route {
            Some(route) => info.route == route,
            None => info.active,
        };
        let routes: BTreeMap<RouteId, Vec<HopInfo>> = sessions
            .flat_map(|kept| kept.routes())
            .filter(wanted)
            .map(|info| (info.route, info.hops))
            .collect();
        let with_key = |(route, hops)| {
            let key = self.dataplane().key_of(&route)?;
            Some(Traced { route, key, hops, trial: None })
        };
        match (routes.into_iter().find_map(with_key), target.route) {
            (Some(traced), _) => Ok(traced),
            (None, Some(route)) => {
                let why = format!("no session with it has a route {}", route.short());
                Err(Problem::new(Code::NotFound, "cannot find the route", why)
                    .with_hint("see `byway routes`"))
            }
            (None, None) => {
                let to = OverlayAddress { key: target.peer, port: ECHO_PORT };
                let trial = self.dialer().try_route(to, &target.choice.clone().unwrap_or_default()).await?;
                let (route, key, hops) = (trial.route, trial.key, trial.hops.clone());
                Ok(Traced { route, key, hops, trial: Some(trial) })
            }
        }
    }
}
