//! The clock of the sagas. Tests may stop it, as they may stop all timers of the runtime.

use byway_base::Moment;
use tokio::time::Instant;

/// Monotonic time since the clock was made.
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
}
