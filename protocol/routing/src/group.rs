//! Which of the routes between two ends carries the session.
//!
//! The source's group probes its routes, switches to a spare when the active route ends or falls silent, and says when
//! routes are missing. The destination's group answers on the route that the source used last.

use std::{collections::VecDeque, time::Duration};

use byway_base::{
    Moment, RouteId,
    limits::{ROUTE_PROBE_INTERVAL, ROUTE_PROBES_LOST},
};
use byway_wire::Reason;

use crate::RouteKey;

/// Which end of the routes this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupRole {
    /// Chose the routes, keeps them.
    Source,
    /// Follows the source.
    Destination,
}

/// What a group wants done or known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupEvent {
    /// The session's packets go over another route from now on.
    Switched {
        /// The route before, if there was one.
        from: Option<RouteId>,
        /// The route from now on.
        to: RouteId,
        /// Why the former was left; none for the first route.
        reason: Option<Reason>,
    },
    /// No route is left; `reason` ended the last one.
    Broken {
        /// Why.
        reason: Reason,
    },
    /// Probes stayed unanswered: the shell must remove this route.
    Silent {
        /// The route.
        route: RouteId,
    },
}

/// A route of a group as users see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberView {
    /// The route.
    pub route: RouteId,
    /// It carries the session.
    pub active: bool,
    /// Smoothed round-trip time from end to end, once a probe was answered.
    pub rtt: Option<Duration>,
}

#[derive(Debug)]
struct Member {
    route: RouteId,
    key: RouteKey,
    rtt: Option<Duration>,
    probe: Option<(u64, Moment)>,
    unanswered: u32,
    next_probe: Moment,
}

/// The routes of one group.
#[derive(Debug)]
pub struct RouteGroup {
    role: GroupRole,
    members: Vec<Member>,
    active: Option<RouteKey>,
    events: VecDeque<GroupEvent>,
    next_token: u64,
}

impl RouteGroup {
    /// A group without routes.
    #[must_use]
    pub const fn new(role: GroupRole) -> Self {
        Self { role, members: Vec::new(), active: None, events: VecDeque::new(), next_token: 0 }
    }

    /// The route that carries the session.
    #[must_use]
    pub const fn active(&self) -> Option<RouteKey> {
        self.active
    }

    /// How many routes the group has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the group has no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `key` is one of the group's routes.
    #[must_use]
    pub fn contains(&self, key: RouteKey) -> bool {
        self.members.iter().any(|member| member.key == key)
    }

    /// The keys of all routes.
    pub fn keys(&self) -> impl Iterator<Item = RouteKey> {
        self.members.iter().map(|member| member.key)
    }

    /// The routes, the active one first.
    #[must_use]
    pub fn view(&self) -> Vec<MemberView> {
        let view = |m: &Member| MemberView { route: m.route, active: Some(m.key) == self.active, rtt: m.rtt };
        let mut views: Vec<_> = self.members.iter().map(view).collect();
        views.sort_by_key(|view| !view.active);
        views
    }

    /// Adds an installed route. The first becomes active; at the source it is probed at once.
    pub fn add(&mut self, now: Moment, route: RouteId, key: RouteKey) {
        let member = Member { route, key, rtt: None, probe: None, unanswered: 0, next_probe: now };
        self.members.push(member);
        if self.active.is_none() {
            self.activate(key, None, None);
        }
    }

    /// A route is gone. Switches to the best spare if it was the active one.
    pub fn route_ended(&mut self, key: RouteKey, reason: Reason) {
        let Some(position) = self.members.iter().position(|member| member.key == key) else { return };
        let gone = self.members.remove(position);
        if self.active != Some(key) {
            return;
        }
        self.active = None;
        match self.best() {
            Some(spare) => self.activate(spare, Some(gone.route), Some(reason)),
            None => self.events.push_back(GroupEvent::Broken { reason }),
        }
    }

    /// Session data arrived over a route: the destination answers there from now on.
    pub fn received(&mut self, key: RouteKey) {
        if self.role == GroupRole::Destination && self.active != Some(key) && self.contains(key) {
            let from = self.active.and_then(|active| self.find(active)).map(|member| member.route);
            self.activate(key, from, None);
        }
    }

    /// Makes the fastest other route active, if there is one; for users who want to leave a route.
    pub fn leave_active(&mut self) -> bool {
        let Some(active) = self.active else { return false };
        let from = self.find(active).map(|member| member.route);
        let spare = self.members.iter().filter(|m| m.key != active).min_by_key(|m| rank(m)).map(|m| m.key);
        if let Some(spare) = spare {
            self.activate(spare, from, Some(Reason::Withdrawn));
        }
        spare.is_some()
    }

    /// Probes that are due: send each token over its route.
    pub fn poll_probes(&mut self, now: Moment) -> Vec<(RouteKey, u64)> {
        if self.role == GroupRole::Destination {
            return Vec::new();
        }
        let mut due = Vec::new();
        for member in &mut self.members {
            if now < member.next_probe {
                continue;
            }
            member.unanswered += u32::from(member.probe.is_some());
            if member.unanswered >= ROUTE_PROBES_LOST {
                self.events.push_back(GroupEvent::Silent { route: member.route });
            }
            self.next_token += 1;
            member.probe = Some((self.next_token, now));
            member.next_probe = now + ROUTE_PROBE_INTERVAL;
            due.push((member.key, self.next_token));
        }
        due
    }

    /// When the next probe is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        let source = self.role == GroupRole::Source;
        self.members.iter().filter(|_| source).map(|member| member.next_probe).min()
    }

    /// A probe was answered. Returns the round-trip time if it was the last one sent.
    pub fn probe_answered(&mut self, now: Moment, key: RouteKey, token: u64) -> Option<Duration> {
        let member = self.members.iter_mut().find(|member| member.key == key)?;
        let (_, sent) = member.probe.take_if(|(expected, _)| *expected == token)?;
        let sample = now - sent;
        member.unanswered = 0;
        member.rtt = Some(member.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
        Some(sample)
    }

    /// Takes the next event.
    pub fn pop_event(&mut self) -> Option<GroupEvent> {
        self.events.pop_front()
    }

    fn find(&self, key: RouteKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == key)
    }

    fn best(&self) -> Option<RouteKey> {
        self.members.iter().min_by_key(|member| rank(member)).map(|member| member.key)
    }

    fn activate(&mut self, key: RouteKey, from: Option<RouteId>, reason: Option<Reason>) {
        self.active = Some(key);
        if let Some(to) = self.find(key).map(|member| member.route) {
            self.events.push_back(GroupEvent::Switched { from, to, reason });
        }
    }
}

/// Answering routes before silent ones, then fast before slow.
fn rank(member: &Member) -> (u32, Duration) {
    (member.unanswered, member.rtt.unwrap_or(Duration::MAX))
}
