//! What the checkers are told of routes, and when they look.

use std::time::Duration;

use byway_base::{
    RouteId,
    limits::{CREDIT_WINDOW_MAX, LOCAL_QUEUE, ROUTE_LEASE},
};
use byway_wire::Reason;

use super::{LinkIx, NodeIx, World};
use crate::{breach::Breach, checks::Direction};

/// What a packet costs in a queue beside its payload, and what a probe costs, bytes.
const OVERHEAD: usize = 128;

impl World {
    /// A transport is lost: the routes over it must end at both ends, `unseen` later than usual.
    pub(super) fn broke(&mut self, link: LinkIx, unseen: Duration) {
        let over = self.registry.iter().filter(|(_, r)| !r.held.is_empty() && r.links.contains(&link));
        let routes: Vec<_> = over.map(|(route, _)| *route).collect();
        routes.into_iter().for_each(|route| self.expect_endings(route, unseen));
    }

    /// Both ends that still have the route must be told.
    fn expect_endings(&mut self, route: RouteId, unseen: Duration) {
        let Some(record) = self.registry.get_mut(&route) else { return };
        record.broken = true;
        // A part of a route has no way for the news; its lease ends it.
        let lease = if record.whole { Duration::ZERO } else { ROUTE_LEASE };
        let bound = self.bounds.notice + unseen + lease;
        for end in record.ends().into_iter().filter(|end| record.held.contains(end)) {
            self.endings.expect(self.now, route, end.0, bound);
        }
    }

    /// A node's forwarder has the route no more.
    pub(super) fn left(&mut self, route: RouteId, node: NodeIx, reason: Reason) {
        self.endings.told(route, node.0);
        let Some(record) = self.registry.get_mut(&route) else { return };
        record.held.remove(&node);
        let ends = record.ends();
        if let Some(side) = ends.iter().position(|end| *end == node) {
            let by_other = record.closed_by[1 - side] && !record.closed_by[side];
            if reason == Reason::Closed && by_other && !record.broken {
                let closed = self.deliveries.closed(route, Direction::from_side(1 - side));
                closed.unwrap_or_else(|breach| self.fail(breach));
            }
        }
        // A close travels behind data, as slow as its reader; every other end is news that travels by itself.
        if reason != Reason::Closed {
            self.expect_endings(route, Duration::ZERO);
        }
        let Some(record) = self.registry.get(&route) else { return };
        if !ends.iter().any(|end| record.held.contains(end)) {
            self.forget(route);
        }
    }

    /// No end has the route any more.
    fn forget(&mut self, route: RouteId) {
        self.deliveries.forget(route);
        self.datagrams.forget(route);
    }

    /// A node crashed: it holds nothing any more.
    pub(super) fn gone(&mut self, node: NodeIx) {
        let mut forgotten = Vec::new();
        for (route, record) in &mut self.registry {
            if record.held.remove(&node) && !record.ends().iter().any(|end| record.held.contains(end)) {
                forgotten.push(*route);
            }
        }
        forgotten.into_iter().for_each(|route| self.forget(route));
    }

    /// The checkers look at everything that can be wrong at any time.
    pub(super) fn check(&mut self) {
        let result = self.endings.check(self.now).and_then(|()| self.check_windows());
        let result = result.and_then(|()| self.check_memory());
        result.unwrap_or_else(|breach| self.fail(breach));
    }

    /// No route holds more than its windows: one for each hop, and the sender's own queue.
    fn check_windows(&self) -> Result<(), Breach> {
        for (route, record) in self.registry.iter().filter(|(_, record)| !record.held.is_empty()) {
            let allowed = record.links.len() * CREDIT_WINDOW_MAX + LOCAL_QUEUE;
            for direction in [Direction::Forward, Direction::Backward] {
                let bytes = self.deliveries.under_way(*route, direction);
                if bytes > allowed {
                    return Err(Breach::Windows { route: *route, bytes, allowed });
                }
            }
        }
        Ok(())
    }

    /// All nodes together hold no more than was sent and not delivered: what a queue holds beyond that has leaked. A
    /// packet costs a little more than its payload, and probes are nobody's payload.
    fn check_memory(&self) -> Result<(), Breach> {
        let held: usize = self.nodes.iter().map(|state| state.forwarder.queued()).sum();
        let (lost, lost_packets) = self.datagrams.missing();
        let budget = self.deliveries.all_under_way() + lost;
        let packets = self.deliveries.all_packets_under_way() + lost_packets;
        let others = OVERHEAD * (1 + packets + self.registry.len());
        if held > budget + others {
            return Err(Breach::Leak { held, sent: budget });
        }
        Ok(())
    }

    /// Every session has a route, and has delivered all.
    ///
    /// # Errors
    /// The first session that has not.
    pub(crate) fn check_recovered(&self) -> Result<(), Breach> {
        for (session, state) in self.sessions.iter().enumerate() {
            let what = if state.groups[0].active().is_none() {
                "it has no route".to_owned()
            } else if !state.is_done() {
                format!("source: {}; destination: {}", state.ends[0].progress(), state.ends[1].progress())
            } else {
                continue;
            };
            return Err(Breach::NotRecovered { session, what });
        }
        Ok(())
    }

    /// Nothing is left anywhere: no rule, no route that is awaited, no byte in a queue.
    ///
    /// # Errors
    /// The first node that holds something.
    pub(crate) fn check_empty(&self) -> Result<(), Breach> {
        for (node, state) in self.nodes.iter().enumerate() {
            let held = [
                (state.forwarder.rules(), "rules in its forwarder"),
                (state.book.routes().count(), "routes in its rule book"),
                (state.ends.len(), "ends of routes"),
                (state.forwarder.queued(), "bytes in its queues"),
            ];
            if let Some((count, what)) = held.into_iter().find(|(count, _)| *count > 0) {
                return Err(Breach::Leftover { node, count, what });
            }
        }
        Ok(())
    }

    /// No label is held any more, not even quiet ones, and no route id that a request could be replayed for.
    ///
    /// # Errors
    /// The first node that holds one.
    pub(crate) fn check_forgotten(&self) -> Result<(), Breach> {
        let held = self.nodes.iter().map(|state| state.book.counts().rules).enumerate();
        let holder = held.into_iter().find(|(_, count)| *count > 0);
        let leftover = |(node, count)| Breach::Leftover { node, count, what: "labels in its rule book" };
        holder.map_or(Ok(()), |holder| Err(leftover(holder)))
    }
}

#[cfg(test)]
mod tests;
