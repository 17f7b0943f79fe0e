//! When a source probes its routes.

use std::time::Duration;

use byway_base::{
    Moment,
    limits::{ROUTE_PROBE_ALERT, ROUTE_PROBE_IDLE, ROUTE_PROBE_INTERVAL},
};

use super::{GroupEvent, GroupRole, RouteGroup, member::Member};
use crate::RouteKey;

/// An answer to what the session sent may take so many round trips before that is suspicious.
const PATIENT_ROUND_TRIPS: u32 = 2;

/// What a source knows of its session's traffic.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Data was sent within the last [`ROUTE_PROBE_INTERVAL`], or so.
    awake: bool,
    last_sent: Moment,
    last_poll: Moment,
    /// When the first data was sent after which nothing came back.
    waiting: Option<Moment>,
    /// It was too long ago, or an active route makes no progress.
    alarmed: bool,
}

impl Attention {
    /// Data goes out. True if nobody looks after the group often enough for that.
    pub(super) fn sent(&mut self, now: Moment) -> bool {
        self.last_sent = now;
        self.waiting.get_or_insert(now);
        !std::mem::replace(&mut self.awake, true)
    }

    /// An active route takes data and makes no progress. True if that is news.
    pub(super) fn stalled(&mut self) -> bool {
        !std::mem::replace(&mut self.alarmed, true)
    }

    /// A probe came back that was sent at this time. It says nothing of what was sent later.
    fn answered(&mut self, sent: Moment) {
        if self.waiting.is_some_and(|since| since < sent) {
            self.heard();
        }
    }

    fn heard(&mut self) {
        self.waiting = None;
        self.alarmed = false;
    }

    fn poll(&mut self, now: Moment, patience: Duration) {
        self.last_poll = now;
        self.awake &= now - self.last_sent < ROUTE_PROBE_INTERVAL;
        self.alarmed |= self.waiting.is_some_and(|since| now - since >= patience);
    }
}

impl RouteGroup {
    /// Probes that are due: send each token over its route. Leaves routes that have become silent.
    pub fn poll_probes(&mut self, now: Moment) -> Vec<(RouteKey, u64)> {
        if self.role == GroupRole::Destination {
            return Vec::new();
        }
        self.attention.poll(now, self.patience());
        self.count_late(now);
        self.leave_silent();
        self.fill();
        let interval = self.interval();
        let mut due = Vec::new();
        for member in self.members.iter_mut().filter(|member| now >= member.next_probe(interval)) {
            self.next_token += 1;
            member.probe(now, self.next_token);
            due.push((member.key, self.next_token));
        }
        due
    }

    /// When [`Self::poll_probes`] is to be called next. Changes with every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        let interval = self.interval();
        let next = |member: &Member| {
            let probe = member.next_probe(interval);
            member.next_late().map_or(probe, |late| late.min(probe))
        };
        let watch = self.attention.awake.then(|| self.attention.last_poll + ROUTE_PROBE_ALERT);
        let source = self.role == GroupRole::Source;
        self.members.iter().filter(|_| source).map(next).chain(watch).min()
    }

    /// A probe was answered. Returns the round-trip time; none if the probe is unknown or was answered before.
    pub fn probe_answered(&mut self, now: Moment, key: RouteKey, token: u64) -> Option<Duration> {
        let member = self.find_mut(key)?;
        let (sample, sent) = member.answered(now, token)?;
        if member.active {
            self.attention.answered(sent);
            self.judge(now, key, Some(sample));
        } else {
            self.leave_silent();
            self.fill();
        }
        Some(sample)
    }

    /// Data came over a route of the source.
    pub(super) fn heard(&mut self, key: RouteKey) {
        self.attention.heard();
        if let Some(member) = self.find_mut(key) {
            member.heard();
        }
    }

    fn count_late(&mut self, now: Moment) {
        let keys: Vec<RouteKey> = self.keys().collect();
        for key in keys {
            let Some(member) = self.find_mut(key) else { continue };
            let (late, active) = (member.count_late(now), member.active);
            if member.give_up(now) {
                let route = member.route;
                self.events.push_back(GroupEvent::Silent { route });
            }
            if late && active {
                self.judge(now, key, None);
            }
        }
    }

    /// How long the session may wait for anything to come back.
    fn patience(&self) -> Duration {
        let active = self.members.iter().filter(|member| member.active);
        let slowest = active.filter_map(|member| member.quality.rtt()).max().unwrap_or_default();
        (slowest * PATIENT_ROUND_TRIPS).max(ROUTE_PROBE_ALERT)
    }

    fn interval(&self) -> Duration {
        let troubled = |member: &Member| member.unanswered() > 0 || member.suspect || member.worse > 0;
        if self.attention.alarmed || self.members.iter().any(troubled) {
            ROUTE_PROBE_ALERT
        } else if self.attention.awake {
            ROUTE_PROBE_INTERVAL
        } else {
            ROUTE_PROBE_IDLE
        }
    }
}
