//! Over which of its routes a session sends the next packet.

use std::{array, time::Duration};

use byway_base::{
    Moment,
    limits::{ROUTE_PROBE_ALERT, ROUTE_STRIPE_SKEW, ROUTE_STRIPES},
};

use super::{GroupRole, RouteGroup, member::Member};
use crate::RouteKey;

const STRIPES: usize = ROUTE_STRIPES as usize;
/// Over how long speed is measured.
const SAMPLE: Duration = Duration::from_millis(20);
/// Over how long measurements are smoothed.
const SMOOTHING: Duration = Duration::from_millis(100);
/// Assumed before the first measurement, bytes per second.
const SPEED_FIRST: u64 = 1_000_000;
/// Bytes that a route of unknown speed may hold while the speed of others is known: two packets, which are enough to
/// measure by, and wait for at most a moment if the route turns out to be slow.
const UNKNOWN_BACKLOG: u64 = 32 * 1024;
/// A route that holds so many bytes is sent to as fast as it takes them; less may be all that there was to send.
const BUSY_BACKLOG: u64 = 8 * 1024;
/// A source that receives so many bytes sends a packet over each of its active routes, so that the destination knows where
/// to answer.
const TURN_BYTES: u64 = 64 * 1024;

/// Where to offer a packet: the routes to try, in order. Without any that takes it, the session waits.
#[derive(Debug)]
pub struct Choice {
    keys: array::IntoIter<Option<RouteKey>, STRIPES>,
    /// The shell has to tell [`RouteGroup::sent`] which route took the packet.
    pub shared: bool,
    /// The shell has to look at [`RouteGroup::poll_timeout`] anew.
    pub attention: bool,
}

impl Iterator for Choice {
    type Item = RouteKey;

    fn next(&mut self) -> Option<RouteKey> {
        self.keys.next()?
    }
}

/// How fast a route takes what is sent.
#[derive(Debug)]
pub(super) struct Load {
    /// Bytes sent since the measurement began.
    sent: u64,
    /// Of these, the ones that had left the first hop at the last sample.
    passed: u64,
    sampled: Option<Moment>,
    /// When bytes were last seen to leave, or there were none.
    moved: Moment,
    /// There always was enough to send since the last sample, so that the sample shows what the route can do.
    busy: bool,
    /// Bytes per second.
    speed: Option<u64>,
    /// What had been received, over all routes, when this one was last sent on.
    received: u64,
}

impl Load {
    pub(super) const fn new(now: Moment) -> Self {
        Self { sent: 0, passed: 0, sampled: None, moved: now, busy: false, speed: None, received: 0 }
    }

    /// `backlog` bytes are on the first hop, or wait for it.
    fn observe(&mut self, now: Moment, backlog: u64) {
        let Some(sampled) = self.sampled else {
            (self.sent, self.passed, self.sampled) = (backlog, 0, Some(now));
            (self.busy, self.moved) = (backlog >= BUSY_BACKLOG, now);
            return;
        };
        let passed = self.sent.saturating_sub(backlog);
        self.busy &= backlog >= BUSY_BACKLOG;
        if backlog == 0 || passed > self.passed {
            self.moved = now;
        }
        let time = now - sampled;
        if time < SAMPLE {
            return;
        }
        let bytes = passed.saturating_sub(self.passed);
        let rate = per_second(bytes, time);
        self.speed = match self.speed {
            Some(speed) if self.busy => Some(smooth(speed, rate, time)),
            Some(speed) => Some(speed.max(rate)),
            None => (self.busy || bytes >= UNKNOWN_BACKLOG).then_some(rate),
        };
        (self.passed, self.sampled, self.busy) = (passed, Some(now), backlog >= BUSY_BACKLOG);
    }
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// The longer a sample, the more it counts.
fn smooth(old: u64, new: u64, time: Duration) -> u64 {
    let (kept, added) = (SMOOTHING.as_nanos(), time.as_nanos());
    let mean = (u128::from(old) * kept + u128::from(new) * added) / (kept + added);
    u64::try_from(mean).unwrap_or(u64::MAX)
}

#[derive(Clone, Copy)]
struct Candidate {
    key: RouteKey,
    backlog: u64,
    speed: Option<u64>,
    delay: Duration,
    /// What had been received when the route was last sent on, if the destination should see it used again.
    turn: Option<u64>,
}

impl RouteGroup {
    /// Where to offer a packet that costs `cost` bytes of credit. `backlog` tells for a route how many bytes it holds on
    /// its first hop, or none if it is gone.
    ///
    /// A striped session's packet goes where it arrives first, by what is before it and how fast that leaves. A route that
    /// is so much slower that more than [`ROUTE_STRIPE_SKEW`] would overtake the packet is not tried at all: waiting for
    /// the faster one is better.
    pub fn choose(
        &mut self,
        now: Moment,
        cost: usize,
        backlog: impl Fn(RouteKey) -> Option<usize>,
    ) -> Choice {
        let source = self.role == GroupRole::Source;
        let mut attention = source && self.attention.sent(now);
        let shared = self.carriers().nth(1).is_some();
        let mut keys = [None; STRIPES];
        if !shared {
            if let Some(member) = self.members.iter_mut().find(|member| member.active) {
                member.load.sampled = None;
                keys[0] = Some(member.key);
            }
            return Choice { keys: keys.into_iter(), shared, attention };
        }
        let mut candidates = [None; STRIPES];
        let received = self.received;
        let mut stalled = false;
        let active = self.members.iter_mut().filter(|member| member.active);
        for (place, member) in candidates.iter_mut().zip(active) {
            let Some(backlog) = backlog(member.key) else { continue };
            member.load.observe(now, backlog as u64);
            stalled |= now - member.load.moved >= ROUTE_PROBE_ALERT;
            let last = member.load.received;
            let turn = (source && received - last >= TURN_BYTES).then_some(last);
            *place = Some(member.candidate(backlog as u64, turn));
        }
        attention |= source && stalled && self.attention.stalled();
        order(&candidates, cost as u64, &mut keys);
        Choice { keys: keys.into_iter(), shared, attention }
    }

    /// A route took a packet that costs `cost` bytes of credit.
    pub fn sent(&mut self, key: RouteKey, cost: usize) {
        let received = self.received;
        if let Some(member) = self.find_mut(key) {
            member.load.sent += cost as u64;
            member.load.received = received;
        }
    }
}

impl Member {
    fn candidate(&self, backlog: u64, turn: Option<u64>) -> Candidate {
        let delay = self.quality.rtt().unwrap_or_default() / 2;
        Candidate { key: self.key, backlog, speed: self.load.speed, delay, turn }
    }
}

/// Puts the routes worth trying into `keys`: those whose turn it is, the longest unused first, then by the time at which
/// they would deliver.
fn order(candidates: &[Option<Candidate>; STRIPES], cost: u64, keys: &mut [Option<RouteKey>; STRIPES]) {
    let known = || candidates.iter().flatten();
    let fastest = known().filter_map(|candidate| candidate.speed).max().unwrap_or(SPEED_FIRST);
    let speed = |candidate: &Candidate| candidate.speed.unwrap_or(fastest).max(1);
    let total: u64 = known().map(speed).fold(0, u64::saturating_add);
    let arrival = |candidate: &Candidate| {
        candidate.delay + Duration::from_secs_f64((candidate.backlog + cost) as f64 / speed(candidate) as f64)
    };
    let first = known().map(arrival).min().unwrap_or_default();
    let overtaking = |candidate: &Candidate| {
        let late = arrival(candidate) - first;
        late.as_nanos() * u128::from(total) / 1_000_000_000
    };
    let measured = known().any(|candidate| candidate.speed.is_some());
    let fits = |candidate: &Candidate| {
        let known = !measured || candidate.speed.is_some() || candidate.backlog < UNKNOWN_BACKLOG;
        candidate.turn.is_some() || known && overtaking(candidate) <= u128::from(ROUTE_STRIPE_SKEW)
    };
    let mut tried = [None; STRIPES];
    for (place, candidate) in tried.iter_mut().zip(known().filter(|candidate| fits(candidate))) {
        let turn = candidate.turn.unwrap_or(u64::MAX);
        *place = Some(((turn, arrival(candidate)), candidate.key));
    }
    tried.sort_by_key(|place| place.map_or((true, (u64::MAX, Duration::MAX)), |(rank, _)| (false, rank)));
    for (key, place) in keys.iter_mut().zip(tried) {
        *key = place.map(|(_, key)| key);
    }
    // One at least: where it is full, its room wakes the session.
    keys[0] =
        keys[0].or_else(|| known().min_by_key(|candidate| arrival(candidate)).map(|candidate| candidate.key));
}
