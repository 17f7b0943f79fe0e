//! Keeps a session from going to and fro between routes of changing quality.

use std::time::Duration;

use byway_base::{
    Moment, RouteId,
    limits::{ROUTE_HOLD, ROUTE_HOLD_MAX},
};

/// Times without a switch, in present waits, after which the wait is the first one again.
const FORGIVEN: u32 = 4;

/// When the next switch for worse quality may be.
#[derive(Debug, Default)]
pub(super) struct Hold {
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    at: Moment,
    left: RouteId,
    wait: Duration,
}

impl Hold {
    /// Whether a switch for worse quality may be now.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        self.last.as_ref().is_none_or(|last| now >= last.at + last.wait)
    }

    /// The session went over to another route.
    pub(super) fn switched(&mut self, now: Moment, left: RouteId, to: RouteId) {
        let flapped = |last: &Last| last.left == to && now - last.at < last.wait * FORGIVEN;
        let wait = match &self.last {
            Some(last) if flapped(last) => (last.wait * 2).min(ROUTE_HOLD_MAX),
            _ => ROUTE_HOLD,
        };
        self.last = Some(Last { at: now, left, wait });
    }
}
