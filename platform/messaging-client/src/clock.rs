//! The wall clock, for records.

use std::time::{SystemTime, UNIX_EPOCH};

use byway_base::UnixTime;

/// Time since 1970, zero on a machine whose clock is before it.
fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(crate) fn unix_time() -> UnixTime {
    UnixTime(since_epoch().as_secs())
}

/// Milliseconds, as the sequence numbers of records count.
pub(crate) fn unix_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}
