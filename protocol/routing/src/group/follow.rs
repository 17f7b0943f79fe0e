//! How a destination answers: over the routes on which the source's data comes.

use std::time::Duration;

use byway_base::Moment;

use super::RouteGroup;
use crate::RouteKey;

/// A source that changes between routes within this time uses them all at once.
const TURNS: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Follow {
    /// The route on which data came last.
    latest: Option<RouteKey>,
}

/// When data came over a route.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    last: Option<Moment>,
    /// Until then the source uses the route besides the latest.
    in_turn_until: Moment,
}

impl RouteGroup {
    /// Data came over a route. The latest route is always answered on. Another one is only if the source came back to it:
    /// after a switch the source does not, and what the broken route would swallow is not sent there. True if that
    /// changes anything.
    pub(super) fn follow(&mut self, now: Moment, key: RouteKey) -> bool {
        let again = self.follow.latest == Some(key);
        let Some(member) = self.find_mut(key) else { return false };
        let before = member.arrivals.last.replace(now);
        if !again && before.is_some_and(|before| now - before <= TURNS) {
            member.arrivals.in_turn_until = now + TURNS;
        }
        self.follow.latest = Some(key);
        if again && self.carriers().nth(1).is_none() {
            return false;
        }
        let mut changed = false;
        for member in &mut self.members {
            let active = member.key == key || member.arrivals.in_turn_until > now;
            changed |= active != member.active;
            member.active = active;
        }
        changed
    }

    /// After a route ended that was answered on: without another, the one on which data came last goes on.
    pub(super) fn follow_without(&mut self, was_active: bool) {
        if was_active
            && self.active().is_none()
            && let Some(member) = self.members.iter_mut().max_by_key(|member| member.arrivals.last)
        {
            member.active = true;
        }
    }
}
