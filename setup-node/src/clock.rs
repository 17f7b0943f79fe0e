//! The two clocks of the process, as the saga wants them.

use std::time::{SystemTime, UNIX_EPOCH};

use byway_base::{Moment, UnixTime};
use tokio::time::Instant;

/// Monotonic time since the clock was made, and wall-clock time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Moment {
        Moment::from_origin(self.origin.elapsed())
    }

    /// When a moment comes, for a timer.
    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        self.origin + moment.since_origin()
    }

    /// The time on the wall. Before 1970 counts as 1970: every request then fails its check.
    pub(crate) fn unix() -> UnixTime {
        UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }
}
