//! What happens by time alone: delayed grants, pings, silent transports, idle routes.

use std::time::Duration;

use byway_base::{
    Moment,
    limits::{ROUTE_IDLE, TRANSPORT_PING_INTERVAL, TRANSPORT_SILENCE},
};
use byway_wire::Reason;

use super::{Forwarder, Route};
use crate::{Event, TransportSlot};

/// How often a part of the routes is looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Every route is looked at within this many sweeps.
const SWEEPS: usize = 16;

impl Forwarder {
    /// When [`Self::handle_timeout`] wants to be called next, at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Moment {
        self.next_grants().map_or(self.next_sweep, |grants| grants.min(self.next_sweep))
    }

    /// Gives delayed grants, sends due pings, reports silent transports, removes idle routes. Work per call is one look
    /// at each delayed grant and, once a second, a sixteenth of the routes and one look at each transport.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.grant_delayed(now);
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_INTERVAL;
        let slots: Vec<usize> = self.links.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.keep_alive(now, slot);
        }
        self.sweep_routes(now);
    }

    fn keep_alive(&mut self, now: Moment, slot: usize) {
        let link = &mut self.links[slot];
        if link.dead {
            return;
        }
        if now - link.last_heard >= TRANSPORT_SILENCE {
            link.dead = true;
            let why = "nothing was heard from the peer";
            self.signals.event(Event::TransportDead { slot: TransportSlot(slot), why });
        } else if now >= link.next_ping {
            link.next_ping = now + TRANSPORT_PING_INTERVAL;
            self.next_token += 1;
            let ping = link.begin_ping(now, self.next_token);
            self.send_control(slot, ping);
        }
    }

    /// Pings a transport now, whatever its turn; the answer is an [`Event::RoundTrip`].
    pub fn ping_transport(&mut self, now: Moment, slot: TransportSlot) {
        if let Some(link) = self.links.get_mut(slot.0) {
            self.next_token += 1;
            let ping = link.begin_ping(now, self.next_token);
            self.send_control(slot.0, ping);
        }
    }

    fn sweep_routes(&mut self, now: Moment) {
        let capacity = self.routes.capacity();
        let end = (self.sweep + capacity / SWEEPS + SWEEPS).min(capacity);
        for index in self.sweep..end {
            let Some(Route { forward, backward, last_used, .. }) = self.routes.get(index) else { continue };
            let flows = [*forward, *backward];
            if now - *last_used >= ROUTE_IDLE {
                self.counters.idle_expired += 1;
                self.end_route(index, Reason::Idle);
            } else {
                flows.into_iter().for_each(|flow| self.rest(now, flow));
            }
        }
        self.sweep = if end == capacity { 0 } else { end };
    }
}
