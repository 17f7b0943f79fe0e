//! Counts of the queries answered.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use byway_api::route_finder::FinderStats;

use crate::answer::Failure;

/// What became of the queries since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    queries: AtomicU64,
    without_path: AtomicU64,
    bounded: AtomicU64,
}

impl Tally {
    /// Counts one query that was searched for.
    pub(crate) fn count<T>(&self, outcome: &Result<T, Failure>, took: Duration) {
        let name = match outcome {
            Ok(_) => "found",
            Err(Failure::NoPath(_)) => "no-path",
            Err(Failure::Bounded) => "bounded",
            Err(Failure::BadPolicy(_)) => "bad-policy",
            Err(Failure::BadPath(_)) => "bad-path",
        };
        self.queries.fetch_add(1, Relaxed);
        self.without_path.fetch_add(u64::from(matches!(outcome, Err(Failure::NoPath(_)))), Relaxed);
        self.bounded.fetch_add(u64::from(matches!(outcome, Err(Failure::Bounded))), Relaxed);
        metrics::counter!("byway_path_queries_total", "outcome" => name).increment(1);
        metrics::histogram!("byway_path_search_seconds").record(took.as_secs_f64());
    }

    /// Counts one query that was refused before any search.
    pub(crate) fn refused(outcome: &'static str) {
        metrics::counter!("byway_path_queries_total", "outcome" => outcome).increment(1);
    }

    /// Puts the counts where dashboards look for them.
    pub(crate) fn fill(&self, stats: FinderStats) -> FinderStats {
        let [queries, without_path, bounded] =
            [&self.queries, &self.without_path, &self.bounded].map(|count| count.load(Relaxed));
        FinderStats { queries, without_path, bounded, ..stats }
    }
}
