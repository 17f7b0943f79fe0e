//! Processor time of the calling thread, which other work on the machine does not lengthen.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// A moment in the thread's processor time.
#[derive(Clone, Copy)]
pub(super) struct ThreadTime(Timespec);

impl ThreadTime {
    pub(super) fn now() -> Self {
        Self(clock_gettime(ClockId::ThreadCPUTime))
    }

    /// Microseconds since then.
    pub(super) fn elapsed_us(self) -> f64 {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
        (tv_sec - self.0.tv_sec) as f64 * 1e6 + (tv_nsec - self.0.tv_nsec) as f64 / 1e3
    }
}
