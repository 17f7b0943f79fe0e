//! Moves a session off routes that go through messaging servers, once there is a way without.
//!
//! Routes that merely get slow are left by measurement, which is the group's own business. A route through messaging may
//! be measured as good as a direct one, and yet costs the messaging servers what it carries.

use std::collections::BTreeSet;

use byway_api::route_finder::PathView;
use byway_base::{PublicKey, RouteId, TransportId, TransportType, limits::ROUTE_DEGRADED_MARGIN};
use tracing::debug;

use super::{Dialer, HopInfo, Kept};

/// What a look at the paths led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// The session is where it should be, as far as anybody knows.
    Settled,
    /// A better route is installed, and becomes active when it has answered and the session may move.
    Moving,
    /// The session moved.
    Moved,
}

/// A path in the words that this file thinks in.
struct Shape {
    transports: Vec<TransportId>,
    between: BTreeSet<PublicKey>,
    relayed: usize,
    rtt_us: u64,
}

impl Shape {
    fn new<'a>(
        hops: impl Iterator<Item = (&'a TransportId, &'a TransportType, &'a PublicKey)>,
        rtt_us: u64,
    ) -> Self {
        let mut shape = Self { transports: Vec::new(), between: BTreeSet::new(), relayed: 0, rtt_us };
        let mut last = None;
        for (transport, kind, to) in hops {
            shape.transports.push(*transport);
            shape.relayed += usize::from(is_relayed(kind));
            shape.between.extend(last.replace(*to));
        }
        shape
    }

    fn of_path(path: &PathView) -> Self {
        Self::new(path.hops.iter().map(|hop| (&hop.transport, &hop.kind, &hop.to)), path.rtt_us)
    }

    fn of_route(hops: &[HopInfo]) -> Self {
        let rtt = hops.iter().map(|hop| hop.rtt).sum::<std::time::Duration>();
        let rtt_us = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX);
        Self::new(hops.iter().map(|hop| (&hop.transport, &hop.kind, &hop.to)), rtt_us)
    }

    /// Whether a session should go over this path and not over `other`: fewer hops go through messaging, and it is not
    /// clearly slower.
    fn relieves(&self, other: &Self) -> bool {
        let margin = u64::try_from(ROUTE_DEGRADED_MARGIN.as_micros()).unwrap_or(u64::MAX);
        let hops = u64::try_from(self.transports.len()).unwrap_or(u64::MAX);
        let bar = (other.rtt_us / 2 * 3).saturating_add(margin.saturating_mul(hops));
        self.relayed < other.relayed && self.rtt_us <= bar
    }

    fn crosses(&self, other: &Self) -> bool {
        !self.between.is_disjoint(&other.between)
            || self.transports.iter().any(|transport| other.transports.contains(transport))
    }
}

/// Whether packets over a transport of this type go through a messaging server.
pub(crate) fn is_relayed(kind: &TransportType) -> bool {
    kind.as_str() == "messaging"
}

impl Dialer {
    /// Looks for a path that relieves a route of the session from messaging: has it installed, and goes over to it.
    pub(super) async fn improve(&self, kept: &Kept) -> Looked {
        let routes = kept.shapes();
        let relayed = |(_, active, shape): &&(RouteId, bool, Shape)| *active && shape.relayed > 0;
        let Some((over, _, present)) = routes.iter().filter(relayed).max_by_key(|(.., shape)| shape.relayed)
        else {
            return Looked::Settled;
        };
        let spares = routes.iter().filter(|(_, active, shape)| !active && shape.relieves(present));
        if let Some((spare, ..)) = spares.min_by_key(|(.., shape)| shape.relayed) {
            return self.move_over(kept, *spare, *over);
        }
        let others = || routes.iter().filter(|(route, active, _)| *active && route != over);
        let fits = |path: &&PathView| {
            let shape = Shape::of_path(path);
            shape.relieves(present) && !others().any(|(.., other)| shape.crosses(other))
        };
        let session = &kept.session;
        let paths = self.further_paths(session.to.key, &kept.choice).await.unwrap_or_default();
        for path in paths.iter().filter(fits) {
            match self.install(session.to, session.port, &session.group, path).await {
                Ok((route, established)) => {
                    kept.routes.lock().insert(route, established);
                    return Looked::Moving;
                }
                Err(problem) => debug!(peer = %session.to.key.short(), %problem, "better path not taken"),
            }
        }
        Looked::Settled
    }

    fn move_over(&self, kept: &Kept, spare: RouteId, over: RouteId) -> Looked {
        if !kept.session.group.prefer(spare, over) {
            return Looked::Moving;
        }
        // One route more than wanted was installed. Those that share something with the new one would fall with it.
        let routes = kept.shapes();
        let new = routes.iter().find(|(route, ..)| *route == spare);
        let mut idle: Vec<_> = routes.iter().filter(|(_, active, _)| !active).collect();
        idle.sort_by_key(|(route, _, shape)| {
            (new.is_some_and(|(.., new)| shape.crosses(new)), shape.relayed, *route == over)
        });
        let surplus = routes.len().saturating_sub(kept.choice.routes_wanted());
        idle.iter().rev().take(surplus).for_each(|(route, ..)| self.abandon(*route));
        Looked::Moved
    }
}

impl Kept {
    /// The session's routes: which they are, whether they carry it, and how their paths look.
    fn shapes(&self) -> Vec<(RouteId, bool, Shape)> {
        self.routes().iter().map(|info| (info.route, info.active, Shape::of_route(&info.hops))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use byway_base::SecretKey;

    use super::*;

    /// A route over hops of these types, each of so many milliseconds.
    fn shape(first: u8, kinds: &[&str], rtt_ms: u64) -> Shape {
        let hop = |(number, kind): (u8, &&str)| HopInfo {
            transport: TransportId::from_bytes([number; 16]),
            kind: kind.parse().unwrap(),
            to: SecretKey::from_seed([number; 32]).public(),
            rtt: Duration::from_millis(rtt_ms),
        };
        Shape::of_route(&(first..).zip(kinds).map(hop).collect::<Vec<_>>())
    }

    #[test]
    fn a_path_relieves_a_route_if_fewer_of_its_hops_are_relayed_and_it_is_not_clearly_slower() {
        let relayed = shape(1, &["messaging", "tcp"], 20);
        assert!(shape(1, &["quic", "tcp"], 20).relieves(&relayed));
        assert!(shape(1, &["quic", "tcp"], 50).relieves(&relayed), "within what data may delay it");
        assert!(!shape(1, &["quic", "tcp"], 200).relieves(&relayed));
        assert!(!shape(1, &["messaging", "tcp"], 1).relieves(&relayed), "that is for the group to measure");
        assert!(!shape(1, &["tcp"], 1).relieves(&shape(1, &["tcp", "tcp"], 20)));
    }

    #[test]
    fn routes_cross_in_a_node_between_their_ends_or_in_a_transport() {
        let route = shape(1, &["tcp", "tcp", "tcp"], 1);
        assert!(route.crosses(&route));
        assert!(route.crosses(&shape(2, &["tcp", "tcp"], 1)));
        assert!(!route.crosses(&shape(4, &["tcp", "tcp"], 1)));
        assert!(!shape(1, &["tcp"], 1).crosses(&shape(2, &["tcp"], 1)), "the end is no node between");
    }
}
