//! A source's group and routes that answer probes after a given time, or not at all.

use std::{collections::BTreeMap, time::Duration};

use byway_base::{Moment, RouteId};
use byway_wire::Reason;

use super::super::{Cause, GroupEvent, GroupRole, RouteGroup};
use crate::RouteKey;

/// A fault from two hops away.
pub(super) const FAULT: Cause = Cause { reason: Reason::TransportLost, distance: Some(2) };

pub(super) fn route(number: u8) -> RouteId {
    RouteId::from_bytes([number; 16])
}

pub(super) fn key(number: u8) -> RouteKey {
    RouteKey { index: u32::from(number), generation: 1 }
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Moment,
    pub(super) group: RouteGroup,
    /// Round-trip times by route; none if it swallows probes.
    pub(super) rtts: BTreeMap<u8, Option<Duration>>,
    answers: Vec<(Moment, u8, u64)>,
    pub(super) events: Vec<(Moment, GroupEvent)>,
    pub(super) probes: usize,
}

impl World {
    pub(super) fn new(stripes: usize) -> Self {
        Self {
            now: Moment::ZERO + ms(1),
            group: RouteGroup::new(GroupRole::Source, stripes),
            rtts: BTreeMap::new(),
            answers: Vec::new(),
            events: Vec::new(),
            probes: 0,
        }
    }

    /// With two-hop routes from 1 on, of these round-trip times.
    pub(super) fn with(stripes: usize, rtts_ms: &[u64]) -> Self {
        let mut world = Self::new(stripes);
        for (number, rtt) in (1..).zip(rtts_ms) {
            world.add(number, Some(ms(*rtt)));
        }
        world
    }

    pub(super) fn add(&mut self, number: u8, rtt: Option<Duration>) {
        self.rtts.insert(number, rtt);
        self.group.add(self.now, route(number), key(number), 2);
        self.collect();
    }

    pub(super) fn end(&mut self, number: u8, cause: Cause) {
        self.rtts.remove(&number);
        self.group.route_ended(key(number), cause);
        self.collect();
    }

    pub(super) fn prefer(&mut self, spare: u8, over: u8) -> bool {
        let moved = self.group.prefer(self.now, route(spare), route(over));
        self.collect();
        moved
    }

    /// The session sends a packet.
    pub(super) fn send(&mut self) {
        self.group.choose(self.now, 1_000, |_| Some(0));
    }

    /// Lets time pass and does what is due; routes that the group gives up are removed.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        for steps in 0.. {
            assert!(steps < 100_000, "the group asks for time and does nothing with it");
            let answer = self.answers.iter().map(|(at, ..)| *at).min();
            let next = self.group.poll_timeout().into_iter().chain(answer).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        let due = self.answers.extract_if(.., |(at, ..)| *at <= self.now).collect::<Vec<_>>();
        for (_, number, token) in due {
            self.group.probe_answered(self.now, key(number), token);
        }
        for (probed, token) in self.group.poll_probes(self.now) {
            let number = probed.index as u8;
            self.probes += 1;
            if let Some(rtt) = self.rtts.get(&number).copied().flatten() {
                self.answers.push((self.now + rtt, number, token));
            }
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(event) = self.group.pop_event() {
            self.events.push((self.now, event));
            if let GroupEvent::Silent { route } = event {
                let number = route.as_bytes()[0];
                self.end(number, Cause::nowhere(Reason::Silent));
            }
        }
    }

    /// The events since the last call.
    pub(super) fn take_events(&mut self) -> Vec<GroupEvent> {
        self.events.drain(..).map(|(_, event)| event).collect()
    }

    /// The routes that carry the session.
    pub(super) fn active(&self) -> Vec<u8> {
        self.group.carriers().map(|key| key.index as u8).collect()
    }
}

/// A switch between two routes.
pub(super) fn switched(from: u8, to: u8, cause: Cause) -> GroupEvent {
    GroupEvent::Switched { from: Some(route(from)), to: route(to), cause: Some(cause) }
}
