//! One query answered on one view of the graph. Runs on a worker, never on an async thread.

use byway_api::{
    route_finder::{ExplainRequest, FindRequest, HopView, PathView},
    transport_discovery::Metrics,
};
use byway_base::{Code, Policy, Problem, PublicKey, limits::PATHS_MAX};
use byway_route_graph::{
    Csr, FoundPath, Query, Scratch, SearchError, check_path, explain as reasons_for, find as search,
};

use crate::policy_fit;

/// Paths, best first, and why others lost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) paths: Vec<PathView>,
    pub(crate) reasons: Vec<String>,
}

/// What is to be said of one path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) allowed: bool,
    pub(crate) path: Option<PathView>,
    pub(crate) best: Option<PathView>,
    pub(crate) reasons: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Another policy may have one.
    #[error("{}", .0.join("; "))]
    NoPath(Vec<String>),
    /// A narrower policy may have one.
    #[error("the search reached its limit before it knew whether there is a path")]
    Bounded,
    /// No graph has one.
    #[error("{0}")]
    BadPolicy(&'static str),
    /// What was asked about is no path.
    #[error("{0}")]
    BadPath(&'static str),
}

impl Failure {
    /// As callers read it.
    pub(crate) fn into_problem(self, from: &PublicKey, to: &PublicKey) -> Problem {
        let what = format!("cannot find a path from {} to {}", from.short(), to.short());
        match self {
            Self::NoPath(_) => Problem::new(Code::NoPath, what, self),
            Self::Bounded => Problem::new(Code::Limit, what, self).with_hint(
                "narrow the policy: a smaller `hops<=`, a smaller `hops>=`, or fewer nodes in `via`",
            ),
            Self::BadPolicy(_) => Problem::new(Code::BadPolicy, what, self),
            Self::BadPath(_) => Problem::new(Code::BadPath, what, self),
        }
    }
}

/// Answers `paths:find`. More than [`PATHS_MAX`] paths are never given, however many are asked for, and one at least.
pub(crate) fn find(csr: &Csr, scratch: &mut Scratch, request: &FindRequest) -> Result<Found, Failure> {
    let FindRequest { from, to, policy, .. } = request;
    let k = request.k.map_or(policy.routes_wanted(), usize::from).clamp(1, PATHS_MAX);
    let query = Query { from: *from, to: *to, policy: policy.clone(), k };
    match search(csr, scratch, &query) {
        Ok(paths) => {
            let reasons = if request.why_not { explain_reasons(csr, scratch, &query) } else { Vec::new() };
            Ok(Found { paths: paths.into_iter().map(path_view).collect(), reasons })
        }
        Err(SearchError::BadPolicy(why)) => Err(Failure::BadPolicy(why)),
        Err(SearchError::Bounded { .. }) => Err(Failure::Bounded),
        Err(error) => {
            let mut reasons = explain_reasons(csr, scratch, &query);
            if reasons.is_empty() {
                reasons.push(error.to_string());
            }
            Err(Failure::NoPath(reasons))
        }
    }
}

/// Answers `paths:explain`: what holds for exactly these transports.
pub(crate) fn explain(
    csr: &Csr,
    scratch: &mut Scratch,
    request: &ExplainRequest,
) -> Result<Judgement, Failure> {
    let ExplainRequest { from, to, policy, transports } = request;
    if transports.is_empty() {
        return Err(Failure::BadPath("the path has no hop"));
    }
    let alone = Policy { disjoint: Some(1), ..policy.clone() };
    let query = Query { from: *from, to: *to, policy: alone, k: 1 };
    let best = match search(csr, scratch, &query) {
        Ok(paths) => paths.into_iter().next().map(path_view),
        Err(SearchError::BadPolicy(why)) => return Err(Failure::BadPolicy(why)),
        Err(_) => None,
    };
    let (path, reasons) = match check_path(csr, from, to, transports, policy.prefer) {
        Ok(path) => {
            let violated = policy_fit::violated(policy, &path);
            (Some(path_view(path)), violated.iter().map(ToString::to_string).collect())
        }
        Err(error) => (None, vec![error.to_string()]),
    };
    Ok(Judgement { allowed: reasons.is_empty(), path, best, reasons })
}

fn explain_reasons(csr: &Csr, scratch: &mut Scratch, query: &Query) -> Vec<String> {
    reasons_for(csr, scratch, query).iter().map(ToString::to_string).collect()
}

#[expect(clippy::cast_precision_loss, reason = "costs are compared, not added; they stay below 2^36")]
fn path_view(path: FoundPath) -> PathView {
    let hop = |hop: byway_route_graph::Hop| HopView {
        transport: hop.transport,
        from: hop.from,
        to: hop.to,
        kind: hop.kind,
        metrics: Metrics {
            rtt_us: hop.metrics.rtt_us,
            loss_ppm: hop.metrics.loss_ppm,
            throughput_bps: hop.metrics.throughput_bps,
        },
    };
    PathView { cost: path.cost as f64, rtt_us: path.rtt_us, hops: path.hops.into_iter().map(hop).collect() }
}
