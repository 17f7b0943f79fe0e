//! How route requests end, counted.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use byway_base::RoutingId;
use byway_wire::setup::{Failure, Reply};

/// How a route request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a route; the source sends under this label.
    Established { label_out: RoutingId },
    /// Before any node was asked.
    Refused(Failure),
    /// After that; undone.
    Undone(Failure),
}

impl Ending {
    /// What the source is told.
    pub(crate) fn reply(self) -> Reply {
        match self {
            Self::Established { label_out } => Reply::Established { label_out },
            Self::Refused(failure) | Self::Undone(failure) => Reply::Failed { failure },
        }
    }
}

/// Counts since the start; the same go to the process's metrics.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    installed: AtomicU64,
    refused: AtomicU64,
    undone: AtomicU64,
    removed: AtomicU64,
    ended: AtomicU64,
}

impl Stats {
    /// A request ended, `took` after it came.
    pub(crate) fn ended(&self, ending: &Ending, took: Duration) {
        let (counter, outcome, code) = match ending {
            Ending::Established { .. } => (&self.installed, "established", ""),
            Ending::Refused(failure) => (&self.refused, "refused", failure.code.as_str()),
            Ending::Undone(failure) => (&self.undone, "undone", failure.code.as_str()),
        };
        counter.fetch_add(1, Relaxed);
        metrics::counter!("byway_setups_total", "outcome" => outcome, "code" => code).increment(1);
        metrics::histogram!("byway_setup_duration_seconds", "outcome" => outcome).record(took.as_secs_f64());
    }

    /// An administrator removed a route.
    pub(crate) fn removed(&self) {
        self.removed.fetch_add(1, Relaxed);
        metrics::counter!("byway_setup_removals_total").increment(1);
    }

    /// So many listed routes turned out to be over.
    pub(crate) fn noticed_ended(&self, routes: u64) {
        self.ended.fetch_add(routes, Relaxed);
        metrics::counter!("byway_setup_routes_ended_total").increment(routes);
    }

    /// Installed, refused, undone, removed, ended.
    pub(crate) fn counts(&self) -> [u64; 5] {
        [&self.installed, &self.refused, &self.undone, &self.removed, &self.ended]
            .map(|counter| counter.load(Relaxed))
    }
}
