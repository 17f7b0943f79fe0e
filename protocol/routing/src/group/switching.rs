//! Which routes of a source are active, and why that changes.

use std::time::Duration;

use byway_base::{Moment, RouteId, limits::ROUTE_DEGRADED_PROBES};
use byway_wire::Reason;

use super::{Cause, GroupEvent, RouteGroup, member::Member, quality};
use crate::RouteKey;

impl RouteGroup {
    /// Makes spares active while fewer routes are than may be. Silent ones only if there is no other.
    pub(super) fn fill(&mut self) {
        while self.carriers().count() < self.stripes {
            let first = self.active().is_none();
            let fit = |member: &&mut Member| !member.active && (first || !member.is_silent());
            let Some(spare) = self.members.iter_mut().filter(fit).min_by_key(|member| member.rank()) else {
                return;
            };
            spare.active = true;
            let route = spare.route;
            self.events.push_back(if first {
                GroupEvent::Switched { from: None, to: route, cause: None }
            } else {
                GroupEvent::Joined { route }
            });
        }
    }

    pub(super) fn replace_ended(&mut self, gone: &Member, cause: Cause) {
        let route = gone.route;
        if !gone.active {
            return self.events.push_back(GroupEvent::SpareLost { route, cause });
        }
        if let Some(spare) = self.best_spare() {
            self.activate(spare, gone, cause);
        } else if self.active().is_some() {
            self.events.push_back(GroupEvent::Left { route, cause });
        } else {
            self.events.push_back(GroupEvent::Broken { route, cause });
        }
    }

    /// Leaves active routes that are silent while another route answers. They stay as spares until they are given up.
    pub(super) fn leave_silent(&mut self) {
        let silent = |member: &&Member| member.active && member.is_silent();
        let leaving: Vec<_> = self.members.iter().filter(silent).map(|m| (m.key, m.quiet_since())).collect();
        for (key, since) in leaving {
            let Some(since) = since else { continue };
            let answering = |member: &&Member| member.key != key && member.answers_since(since);
            let others = || self.members.iter().filter(answering);
            let spare = others().filter(|member| !member.active).min_by_key(|member| member.rank());
            match spare.map(|spare| spare.key) {
                Some(spare) => self.swap(key, spare, Reason::Silent),
                None if others().next().is_some() => self.rest(key),
                None => {}
            }
        }
    }

    /// Compares an active route with the best spare, after `sample` or a lost probe, and leaves it once it has been clearly
    /// worse for long enough.
    pub(super) fn judge(&mut self, now: Moment, key: RouteKey, sample: Option<Duration>) {
        let spares = self.members.iter().filter(|member| !member.active && member.unanswered() == 0);
        let spare = spares.min_by_key(|member| member.rank()).map(|spare| (spare.key, spare.quality.cost()));
        let Some(member) = self.members.iter_mut().find(|member| member.key == key) else { return };
        let Some((spare, Some(other))) = spare else {
            (member.suspect, member.worse) = (false, 0);
            return;
        };
        let bar = quality::bar(other, member.hops);
        member.suspect = sample.is_none_or(|sample| sample > bar);
        let worse = member.quality.cost().is_some_and(|own| own > bar);
        member.worse = if worse { member.worse.saturating_add(1) } else { 0 };
        if member.worse >= ROUTE_DEGRADED_PROBES && self.hold.is_over(now) {
            let left = member.route;
            self.swap(key, spare, Reason::Degraded);
            if let Some(to) = self.find(spare).map(|member| member.route) {
                self.hold.switched(now, left, to);
            }
        }
    }

    /// Has a spare take the place of an active route because its path is the better one by what its shell knows. True if the
    /// session goes over it from now on: not before the spare answered a probe, and no more often than sessions move for
    /// worse quality.
    pub fn prefer(&mut self, now: Moment, spare: RouteId, over: RouteId) -> bool {
        let find = |route, active| {
            let found = self.members.iter().find(|member| member.route == route && member.active == active);
            found.filter(|member| active || (member.unanswered() == 0 && member.quality.rtt().is_some()))
        };
        let (Some(spare), Some(over)) = (find(spare, false), find(over, true)) else { return false };
        let (to, left, spare, over) = (spare.route, over.route, spare.key, over.key);
        if !self.hold.is_over(now) {
            return false;
        }
        self.swap(over, spare, Reason::Degraded);
        self.hold.switched(now, left, to);
        true
    }

    fn best_spare(&self) -> Option<RouteKey> {
        let spares = self.members.iter().filter(|member| !member.active);
        spares.min_by_key(|member| member.rank()).map(|member| member.key)
    }

    /// A spare becomes active in the place of an active route that becomes a spare.
    fn swap(&mut self, active: RouteKey, spare: RouteKey, reason: Reason) {
        let Some(position) = self.members.iter().position(|member| member.key == active) else { return };
        let mut left = self.members.remove(position);
        left.rest();
        self.activate(spare, &left, Cause::nowhere(reason));
        self.members.push(left);
    }

    fn activate(&mut self, spare: RouteKey, left: &Member, cause: Cause) {
        let Some(member) = self.find_mut(spare) else { return };
        member.active = true;
        let to = member.route;
        self.events.push_back(GroupEvent::Switched { from: Some(left.route), to, cause: Some(cause) });
    }

    /// An active route becomes a spare, and the other active ones go on without it.
    fn rest(&mut self, key: RouteKey) {
        let Some(member) = self.find_mut(key) else { return };
        member.rest();
        let route = member.route;
        self.events.push_back(GroupEvent::Left { route, cause: Cause::nowhere(Reason::Silent) });
    }
}
