//! One route of a group: its probes and what they say.

use std::{collections::VecDeque, time::Duration};

use byway_base::{
    Moment, RouteId,
    limits::{ROUTE_PROBE_ALERT, ROUTE_PROBES_LOST, ROUTE_SILENCE},
};

use super::{event::MemberView, follow::Arrivals, quality::Quality, spread::Load};
use crate::RouteKey;

/// Probes remembered until they are answered: all that are sent within [`ROUTE_SILENCE`].
const PROBES_KEPT: usize = 32;
/// A probe is late after so many of the route's round trips.
const LATE_ROUND_TRIPS: u32 = 3;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) route: RouteId,
    pub(super) key: RouteKey,
    pub(super) hops: u32,
    /// It carries the session.
    pub(super) active: bool,
    pub(super) quality: Quality,
    /// The latest answer of this active route was clearly worse than the spare's usual.
    pub(super) suspect: bool,
    /// Probes in a row after which this active route was clearly worse than the spare.
    pub(super) worse: u32,
    pub(super) load: Load,
    pub(super) arrivals: Arrivals,
    probes: VecDeque<Probe>,
    last_probe: Option<Moment>,
    last_answer: Option<Moment>,
    /// Late probes since anything was heard.
    unanswered: u32,
    /// When the first of them was sent.
    quiet_since: Option<Moment>,
    /// The shell was told to remove it.
    given_up: bool,
}

#[derive(Debug)]
struct Probe {
    token: u64,
    sent: Moment,
    late: bool,
}

impl Member {
    pub(super) fn new(now: Moment, route: RouteId, key: RouteKey, hops: usize) -> Self {
        Self {
            route,
            key,
            hops: hops as u32,
            active: false,
            quality: Quality::default(),
            suspect: false,
            worse: 0,
            load: Load::new(now),
            arrivals: Arrivals::default(),
            probes: VecDeque::new(),
            last_probe: None,
            last_answer: None,
            unanswered: 0,
            quiet_since: None,
            given_up: false,
        }
    }

    pub(super) fn view(&self) -> MemberView {
        MemberView {
            route: self.route,
            active: self.active,
            rtt: self.quality.rtt(),
            loss_permille: self.quality.loss_permille(),
        }
    }

    /// Late probes since anything was heard over the route.
    pub(super) const fn unanswered(&self) -> u32 {
        self.unanswered
    }

    /// When the first of them was sent.
    pub(super) const fn quiet_since(&self) -> Option<Moment> {
        self.quiet_since
    }

    /// Whether a session should leave the route if another one answers.
    pub(super) const fn is_silent(&self) -> bool {
        self.unanswered >= ROUTE_PROBES_LOST
    }

    /// Whether everything asked since `moment` is answered, and something was.
    pub(super) fn answers_since(&self, moment: Moment) -> bool {
        self.unanswered == 0 && self.last_answer.is_some_and(|answer| answer >= moment)
    }

    /// What spares are chosen by: answering ones before silent ones, then good before bad.
    pub(super) fn rank(&self) -> (u32, Duration) {
        (self.unanswered, self.quality.cost().or(self.quality.rtt()).unwrap_or(Duration::MAX))
    }

    /// When the next probe is due, one each `interval`.
    pub(super) fn next_probe(&self, interval: Duration) -> Moment {
        self.last_probe.map_or(Moment::ZERO, |last| last + interval)
    }

    pub(super) fn probe(&mut self, now: Moment, token: u64) {
        if self.probes.len() == PROBES_KEPT {
            self.probes.pop_front();
        }
        self.probes.push_back(Probe { token, sent: now, late: false });
        self.last_probe = Some(now);
    }

    /// A probe was answered: how long it took, and when it was sent.
    pub(super) fn answered(&mut self, now: Moment, token: u64) -> Option<(Duration, Moment)> {
        let position = self.probes.iter().position(|probe| probe.token == token)?;
        // A route keeps the order: what was sent before is lost.
        let lost = self.probes.drain(..position).filter(|probe| !probe.late).count();
        (0..lost).for_each(|_| self.quality.lost());
        let probe = self.probes.pop_front()?;
        let sample = now - probe.sent;
        self.quality.answered(sample);
        self.last_answer = Some(now);
        self.heard();
        Some((sample, probe.sent))
    }

    /// Something came over the route.
    pub(super) fn heard(&mut self) {
        self.unanswered = 0;
        self.quiet_since = None;
    }

    /// When the next of the probes under way is late.
    pub(super) fn next_late(&self) -> Option<Moment> {
        let first = self.probes.iter().find(|probe| !probe.late)?;
        Some(first.sent + self.late_after())
    }

    /// Counts the probes that are late by now. Returns whether there was one.
    pub(super) fn count_late(&mut self, now: Moment) -> bool {
        let after = self.late_after();
        let before = self.unanswered;
        for probe in self.probes.iter_mut().filter(|probe| !probe.late && now - probe.sent >= after) {
            probe.late = true;
            self.unanswered += 1;
            self.quiet_since.get_or_insert(probe.sent);
            self.quality.lost();
        }
        self.unanswered > before
    }

    /// Whether the route counts as broken now; said once.
    pub(super) fn give_up(&mut self, now: Moment) -> bool {
        let quiet = self.quiet_since.is_some_and(|since| now - since >= ROUTE_SILENCE);
        let give_up = quiet && self.is_silent() && !self.given_up;
        self.given_up |= give_up;
        give_up
    }

    /// Becomes a spare.
    pub(super) fn rest(&mut self) {
        (self.active, self.suspect, self.worse) = (false, false, 0);
    }

    fn late_after(&self) -> Duration {
        let usual = self.quality.rtt().map_or(ROUTE_PROBE_ALERT * 2, |rtt| rtt * LATE_ROUND_TRIPS);
        usual.max(ROUTE_PROBE_ALERT)
    }
}
