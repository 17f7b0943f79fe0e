//! Why paths lost, or why there is none, as data.
//!
//! Each constraint of the query is lifted by itself; if the best path is better then, or exists only then, that path is
//! what the constraint excluded. If no single one is to blame, all are lifted together and the path that appears is
//! checked against each.

mod constraint;

use std::fmt;

use byway_base::{Policy, PublicKey};

use constraint::Class;
pub use constraint::Constraint;

use crate::{
    Csr, FoundPath, Query, Scratch, SearchError,
    search::{Relaxed, find_relaxed},
};

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No transport of the source was ever heard of.
    UnknownSource(PublicKey),
    /// No transport of the destination was ever heard of.
    UnknownDestination(PublicKey),
    /// A node in `via` was never heard of.
    UnknownVia(PublicKey),
    /// The policy contradicts itself or the query.
    BadPolicy(&'static str),
    /// Source or destination has no usable transport.
    NothingUp {
        /// The node.
        node: PublicKey,
        /// How many transports it has that are down.
        down: usize,
    },
    /// A path that only these constraints exclude, better than the best that they allow.
    Excluded {
        /// What excludes it: one, or several that do so only together.
        by: Vec<Constraint>,
        /// The path. Its cost compares with those of the answer.
        path: FoundPath,
    },
    /// The best of the paths that satisfy the policy and were not asked for.
    Outranked {
        /// The path.
        path: FoundPath,
        /// The cost of the last path that was asked for.
        last_cost: u64,
    },
    /// Source and destination are not connected, whatever the policy.
    Unconnected,
    /// A search reached its limit, so that more reasons may exist.
    Bounded,
}

/// Says why the answer to `query` is not better, in order of what to look at first. An empty list means that the answer
/// is the best there is and all there is. Runs up to nine searches, each bounded as that of [`crate::find`].
#[must_use]
pub fn explain(csr: &Csr, scratch: &mut Scratch, query: &Query) -> Vec<Reason> {
    if let Some(reason) = senseless(csr, query) {
        return vec![reason];
    }
    let mut reasons = Vec::new();
    let wider = Query { k: query.k.saturating_add(1), ..query.clone() };
    let (best_cost, alone) = match find_relaxed(csr, scratch, &wider, Relaxed::default()) {
        Ok(paths) => {
            let best = paths.iter().map(|path| path.cost).min();
            reasons.extend(outranked(&paths, query.k));
            (best, false)
        }
        Err(SearchError::Bounded { .. }) => {
            reasons.push(Reason::Bounded);
            (None, true)
        }
        Err(_) => (None, true),
    };
    for class in Class::all().into_iter().filter(|class| class.matters(&query.policy)) {
        let (policy, relaxed) = class.lift(&query.policy);
        if let Some(path) = better(csr, scratch, query, (policy, relaxed), best_cost) {
            let by: Vec<Constraint> = Constraint::violated(csr, query, &path)
                .into_iter()
                .filter(|constraint| constraint.is_like(class))
                .collect();
            reasons.push(Reason::Excluded { by, path });
        }
    }
    if alone && !reasons.iter().any(|reason| matches!(reason, Reason::Excluded { .. })) {
        reasons.extend(together(csr, scratch, query));
    }
    reasons.sort_by_key(|reason| match reason {
        Reason::Excluded { path, .. } => (1, path.cost),
        Reason::Outranked { .. } => (2, 0),
        _ => (0, 0),
    });
    reasons
}

/// What keeps a search from beginning.
fn senseless(csr: &Csr, query: &Query) -> Option<Reason> {
    let bare = Query { policy: Policy { via: Vec::new(), ..query.policy.clone() }, ..query.clone() };
    for query in [query, &bare] {
        match crate::search::Rules::compile(csr, query, Relaxed::default()) {
            Err(SearchError::UnknownSource(key)) => return Some(Reason::UnknownSource(key)),
            Err(SearchError::UnknownDestination(key)) => return Some(Reason::UnknownDestination(key)),
            Err(SearchError::BadPolicy(reason)) => return Some(Reason::BadPolicy(reason)),
            _ => {}
        }
    }
    query.policy.via.iter().find(|key| csr.node(key).is_none()).map(|key| Reason::UnknownVia(*key))
}

fn outranked(paths: &[FoundPath], k: usize) -> Option<Reason> {
    let (path, last) = (paths.get(k.max(1))?, paths.get(k.max(1) - 1)?);
    Some(Reason::Outranked { path: path.clone(), last_cost: last.cost })
}

/// The best path under other rules, if it costs less than `best_cost`.
fn better(
    csr: &Csr,
    scratch: &mut Scratch,
    query: &Query,
    (policy, relaxed): (Policy, Relaxed),
    best_cost: Option<u64>,
) -> Option<FoundPath> {
    let lifted = Query { policy: Policy { disjoint: Some(1), ..policy }, k: 1, ..query.clone() };
    let path = find_relaxed(csr, scratch, &lifted, relaxed).ok()?.into_iter().next()?;
    best_cost.is_none_or(|cost| path.cost < cost).then_some(path)
}

/// The reasons when no single constraint is to blame.
fn together(csr: &Csr, scratch: &mut Scratch, query: &Query) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for key in [query.from, query.to] {
        let (usable, down) = csr.node(&key).map_or((0, 0), |node| csr.transports_of(node));
        if usable == 0 {
            reasons.push(Reason::NothingUp { node: key, down });
        }
    }
    let bare = Policy { prefer: query.policy.prefer, ..Policy::default() };
    match better(csr, scratch, query, (bare, Relaxed { refusals: true, down: true }), None) {
        Some(path) => reasons.push(Reason::Excluded { by: Constraint::violated(csr, query, &path), path }),
        None if reasons.is_empty() => reasons.push(Reason::Unconnected),
        None => {}
    }
    reasons
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSource(key) => write!(f, "the source {} is not in the graph", key.short()),
            Self::UnknownDestination(key) => write!(f, "the destination {} is not in the graph", key.short()),
            Self::UnknownVia(key) => write!(f, "the node {} in via is not in the graph", key.short()),
            Self::BadPolicy(reason) => f.write_str(reason),
            Self::NothingUp { node, down } => {
                write!(f, "no transport of {} is up, {down} are down", node.short())
            }
            Self::Excluded { by, path } => {
                write_path(f, path)?;
                f.write_str(" is excluded: ")?;
                for (at, constraint) in by.iter().enumerate() {
                    write!(f, "{}{constraint}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::Outranked { path, last_cost } => {
                write_path(f, path)?;
                write!(f, " is outranked: it costs {}, the last path of the answer {last_cost}", path.cost)
            }
            Self::Unconnected => f.write_str("source and destination are not connected"),
            Self::Bounded => f.write_str("the search reached its limit before it knew"),
        }
    }
}

fn write_path(f: &mut fmt::Formatter<'_>, path: &FoundPath) -> fmt::Result {
    for (at, hop) in path.hops.iter().enumerate() {
        if at == 0 {
            f.write_str(&hop.from.short())?;
        }
        write!(f, " -{}- {}", hop.kind, hop.to.short())?;
    }
    Ok(())
}
