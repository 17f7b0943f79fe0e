//! The wall clock.

use std::time::SystemTime;

use byway_base::UnixTime;

/// Seconds since 1970; zero on a clock that stands before.
pub(crate) fn now() -> UnixTime {
    UnixTime(SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()))
}
