//! Path search: the query, its answer, and how the parts work together.
//!
//! | file | does |
//! |---|---|
//! | `rules` | a query's policy, in numbers of the graph |
//! | `disjoint`, `flow` | several paths without a common intermediate |
//! | `yen` | the next best paths after those, where rules keep `corridor` from finding them |
//! | `leg` | one best path: tries the fast searches, and the thorough one where their answer breaks a rule |
//! | `bfs` | the fewest hops, from both ends at once |
//! | `balls`, `settled` | what lies around both ends, and where the two sides touch |
//! | `dijkstra` | the least cost, whatever the hops, from the balls of one leg |
//! | `corridor` | the k least costs, from the balls of the whole query |
//! | `labels` | the least cost within a number of hops |
//! | `guided` | the least cost under `hops>=` and `via`, where every loop-free beginning counts |

mod balls;
mod bfs;
mod corridor;
mod dijkstra;
mod disjoint;
mod flow;
mod guided;
mod labels;
mod leg;
mod rules;
mod scratch;
mod settled;
mod yen;

use byway_base::{
    Policy, PublicKey,
    limits::{PATHS_MAX, SEARCH_VISITS_MAX},
};

use crate::{Csr, FoundPath, NodeIndex, csr::Costs, path::RawPath};
use leg::Leg;
pub(crate) use rules::{Relaxed, Rules};
pub use scratch::Scratch;

/// A request for paths.
#[derive(Debug, Clone)]
pub struct Query {
    /// Where the paths begin.
    pub from: PublicKey,
    /// Where they end.
    pub to: PublicKey,
    /// What they must and should be.
    pub policy: Policy,
    /// How many are wanted; taken as 1 to `PATHS_MAX`.
    pub k: usize,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// No transport of the source was ever heard of.
    #[error("the source {} is not in the graph", .0.short())]
    UnknownSource(PublicKey),
    /// No transport of the destination was ever heard of.
    #[error("the destination {} is not in the graph", .0.short())]
    UnknownDestination(PublicKey),
    /// There is no path that satisfies the policy.
    #[error("no path satisfies the policy")]
    NoPath,
    /// The search gave up before it knew; nothing was found until then. A narrower policy may find.
    #[error(
        "the search reached its limits (at most {visits} vertices) before it knew whether there is a path"
    )]
    Bounded {
        /// How many vertices a query may visit at most.
        visits: usize,
    },
    /// The policy contradicts itself or the query.
    #[error("{0}")]
    BadPolicy(&'static str),
}

/// The search used up its vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

/// Finds up to `k` paths. First up to `policy.disjoint` paths that share no intermediate (those of `via` excepted, which
/// all paths have in common), then the best alternatives to them; each part by ascending cost. All are loop-free,
/// distinct, at most `hops<=` long, and cross usable transports only. Transports side by side make distinct paths.
///
/// `scratch` is working memory, to be kept by each worker from query to query; it holds nothing between them.
///
/// # Errors
/// [`SearchError`]. A search that reaches its limit after it found paths returns those.
pub fn find(csr: &Csr, scratch: &mut Scratch, query: &Query) -> Result<Vec<FoundPath>, SearchError> {
    find_relaxed(csr, scratch, query, Relaxed::default())
}

/// [`find`] with parts of the graph's own rules lifted.
pub(crate) fn find_relaxed(
    csr: &Csr,
    scratch: &mut Scratch,
    query: &Query,
    relaxed: Relaxed,
) -> Result<Vec<FoundPath>, SearchError> {
    let rules = Rules::compile(csr, query, relaxed)?;
    scratch.begin(csr.node_count());
    let k = query.k.clamp(1, PATHS_MAX);
    let ground = Ground { csr, rules: &rules, costs: csr.costs(rules.preference) };
    let best = match Leg::whole(&rules, &[], &[]).best(&ground, scratch) {
        Err(Exhausted) => return Err(SearchError::Bounded { visits: SEARCH_VISITS_MAX }),
        Ok(None) => return Err(SearchError::NoPath),
        Ok(Some(best)) => best,
    };
    let mut paths: Vec<RawPath> = Vec::with_capacity(k);
    let wanted = query.policy.routes_wanted().min(k);
    let mut outcome = disjoint::find(&ground, scratch, (best.clone(), wanted), &mut paths);
    let disjoint = paths.len();
    if outcome.is_ok() && disjoint < k {
        let mut ranked = Vec::with_capacity(k);
        outcome = yen::enumerate(&ground, scratch, (best, k), &mut ranked);
        ranked.retain(|path| !paths.contains(path));
        paths.extend(ranked.into_iter().take(k - disjoint));
    }
    // A search that ran out of visits still found what stands here.
    let (Ok(()) | Err(Exhausted)) = outcome;
    let rank = |at: usize| (at < disjoint).then_some(at);
    Ok(paths.iter().enumerate().map(|(at, path)| path.resolve(csr, rank(at))).collect())
}

/// What a search runs on: the graph, the query's rules, and what each step costs.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) csr: &'a Csr,
    pub(crate) rules: &'a Rules,
    /// None when each step costs 1.
    pub(crate) costs: Option<Costs<'a>>,
}

impl Ground<'_> {
    #[inline]
    pub(crate) fn cost(&self, step: usize) -> u32 {
        self.costs.map_or(1, |costs| costs.of(step))
    }

    /// Whether a node is never crossed, whatever was found before.
    pub(crate) fn is_barred(&self, node: NodeIndex) -> bool {
        self.rules.refuses(self.csr, node) || self.rules.avoid.binary_search(&node).is_ok()
    }
}
