//! Where checks go, and when.

use std::{net::SocketAddr, time::Duration};

use byway_base::Moment;

use crate::stun::TransactionId;

/// Waits between the checks to one address; after the last wait it is given up. The first rounds are close together, since
/// the sides begin at different times and the first check of one only opens its own NAT; the last ones are for a peer that
/// begins late.
const ROUNDS: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_500),
    Duration::from_millis(1_000),
];

/// Checks of one search in all, whatever the peer says. Later ones to the chosen way are apart, since it has answered.
const CHECKS: usize = 50;

/// Addresses tried: candidates, and those where checks of the peer came from.
const TARGETS: usize = 16;

/// The least between two checks to one address that were triggered by the peer's.
const AGAIN: Duration = Duration::from_millis(50);

/// An address of the peer.
#[derive(Debug)]
struct Target {
    address: SocketAddr,
    sent: usize,
    last: Option<Moment>,
    /// The next check, unless it is given up or works.
    due: Option<Moment>,
    /// A check of the peer came from there, so that one in return is likely to arrive: it goes before the others.
    urgent: bool,
    /// It answered.
    works: bool,
}

/// A check that was sent.
#[derive(Debug)]
struct Check {
    id: TransactionId,
    target: usize,
    chosen: bool,
}

/// The way that the initiator settles on, or that the responder keeps open.
#[derive(Debug)]
struct Way {
    target: usize,
    sent: usize,
    due: Moment,
    /// `None`: as `ROUNDS` says, and given up after.
    every: Option<Duration>,
}

/// What to send.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) to: SocketAddr,
    pub(super) chosen: bool,
}

#[derive(Debug)]
pub(super) struct Targets {
    targets: Vec<Target>,
    candidates: usize,
    checks: Vec<Check>,
    way: Option<Way>,
    stopped: bool,
}

impl Targets {
    pub(super) fn new(candidates: &[SocketAddr], now: Moment) -> Self {
        let targets = candidates.iter().take(TARGETS).map(|address| Target::new(*address, now)).collect();
        Self { targets, candidates: candidates.len(), checks: Vec::new(), way: None, stopped: false }
    }

    pub(super) fn had_candidates(&self) -> bool {
        self.candidates > 0
    }

    /// The check to send now, under `id`.
    pub(super) fn next(&mut self, id: TransactionId, now: Moment) -> Option<Next> {
        if self.stopped {
            return None;
        }
        if let Some(way) = &mut self.way {
            let chosen = way.every.is_none();
            let wait = way.every.or_else(|| ROUNDS.get(way.sent).copied())?;
            if way.due > now {
                return None;
            }
            (way.sent, way.due) = (way.sent + 1, now + wait);
            let target = way.target;
            self.checks.push(Check { id, target, chosen });
            return Some(Next { to: self.targets[target].address, chosen });
        }
        if self.searched() >= CHECKS {
            return None;
        }
        let due = |(_, target): &(usize, &mut Target)| target.due.is_some_and(|due| due <= now);
        let ranked = self.targets.iter_mut().enumerate().filter(due).max_by_key(|(at, target)| {
            // Of those that are due: who called, then the fewest checks so far, then the order of the candidates.
            (target.urgent, std::cmp::Reverse(target.sent), std::cmp::Reverse(*at))
        });
        let (at, target) = ranked?;
        target.count(now);
        let to = target.address;
        self.checks.push(Check { id, target: at, chosen: false });
        Some(Next { to, chosen: false })
    }

    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        if self.stopped {
            return None;
        }
        match &self.way {
            Some(way) => Some(way.due),
            None if self.searched() >= CHECKS => None,
            None => self.targets.iter().filter_map(|target| target.due).min(),
        }
    }

    /// A check of the peer came from `from`.
    pub(super) fn trigger(&mut self, from: SocketAddr, now: Moment) {
        let room = self.targets.len() < TARGETS;
        let known = self.targets.iter_mut().find(|target| target.address == from);
        match known {
            Some(target) if target.works || target.sent > ROUNDS.len() + 2 => {}
            Some(target) => {
                target.urgent = true;
                target.due = Some(target.last.map_or(now, |last| now.max(last + AGAIN)));
            }
            None if room => {
                self.targets.push(Target { urgent: true, ..Target::new(from, now) });
            }
            None => {}
        }
    }

    /// Whether `id` is a check that was sent to `from`.
    pub(super) fn is_asked(&self, id: TransactionId, from: SocketAddr) -> bool {
        let sent_there = |check: &Check| check.id == id && self.targets[check.target].address == from;
        self.checks.iter().any(sent_there)
    }

    /// The check was answered. Whoever `chooses` settles on the first way that works. Returns whether the check said that
    /// its way is the chosen one.
    pub(super) fn answered(&mut self, id: TransactionId, chooses: bool, now: Moment) -> bool {
        let Some(check) = self.checks.iter().find(|check| check.id == id) else { return false };
        let (at, chosen) = (check.target, check.chosen);
        let target = &mut self.targets[at];
        (target.works, target.due) = (true, None);
        if chooses && self.way.is_none() {
            self.way = Some(Way { target: at, sent: 0, due: now, every: None });
        }
        chosen
    }

    /// Whether a way was found and is being settled on.
    pub(super) fn is_choosing(&self) -> bool {
        self.way.as_ref().is_some_and(|way| way.every.is_none())
    }

    /// Whether the way that was found no longer answers.
    pub(super) fn is_stuck(&self, now: Moment) -> bool {
        self.way.as_ref().is_some_and(|way| way.every.is_none() && way.sent == ROUNDS.len() && way.due <= now)
    }

    /// No more search; sends something there from time to time.
    pub(super) fn keep(&mut self, address: SocketAddr, every: Duration, now: Moment) {
        let at = self.targets.iter().position(|target| target.address == address).unwrap_or_else(|| {
            // The peer is there, though there were too many others before.
            self.targets.push(Target::new(address, now));
            self.targets.len() - 1
        });
        self.way = Some(Way { target: at, sent: 0, due: now + every, every: Some(every) });
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Checks of the search so far.
    fn searched(&self) -> usize {
        self.targets.iter().map(|target| target.sent).sum()
    }
}

impl Target {
    fn new(address: SocketAddr, now: Moment) -> Self {
        Self { address, sent: 0, last: None, due: Some(now), urgent: false, works: false }
    }

    fn count(&mut self, now: Moment) {
        let wait = ROUNDS.get(self.sent);
        self.sent += 1;
        (self.last, self.urgent) = (Some(now), false);
        self.due = if self.sent < ROUNDS.len() { wait.map(|wait| now + *wait) } else { None };
    }
}
