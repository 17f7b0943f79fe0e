//! What happens to a session's routes, told to logs and watchers.

use std::collections::BTreeSet;

use byway_base::{PublicKey, RouteId};
use byway_routing::{Cause, GroupEvent};
use byway_wire::Reason;
use tracing::{debug, info};

use super::{Dialer, Kept, establish::HopInfo};
use crate::events::NodeEvent;

impl Dialer {
    /// Tells what happened to the routes of a session since the last call, and forgets the routes that are gone.
    pub(super) fn tell(&self, kept: &Kept) {
        let group = &kept.session.group;
        while let Some(event) = group.pop_event() {
            if let GroupEvent::Silent { route } = event {
                self.inner.parts.dataplane.remove_route(&route, Reason::Silent);
            } else if let Some(event) = kept.node_event(event) {
                self.inner.parts.events.publish(event);
            }
        }
        let live: BTreeSet<_> = group.view().into_iter().map(|view| view.route).collect();
        kept.routes.lock().retain(|route, _| live.contains(route));
    }
}

impl Kept {
    /// The event as watchers see it; logged on the way.
    fn node_event(&self, event: GroupEvent) -> Option<NodeEvent> {
        let peer = self.session.to;
        let to = peer.key.short();
        let place = |route: RouteId, cause: Cause| (cause.reason, self.broke_at(route, cause));
        Some(match event {
            GroupEvent::Switched { from, to: now, cause } => {
                let left = from.zip(cause).map(|(from, cause)| place(from, cause));
                let (reason, at) = left.map_or((None, None), |(reason, at)| (Some(reason), at));
                if let Some(reason) = reason {
                    info!(peer = %to, ?from, to = ?now, %reason, at = %name(at), "route switched");
                }
                NodeEvent::RouteSwitched { peer, from, to: now, reason, at }
            }
            GroupEvent::Joined { route } => {
                info!(peer = %to, ?route, "route joined the session");
                NodeEvent::RouteJoined { peer, route }
            }
            GroupEvent::Left { route, cause } => {
                let (reason, at) = place(route, cause);
                info!(peer = %to, ?route, %reason, at = %name(at), "route left the session");
                NodeEvent::RouteLeft { peer, route, reason, at }
            }
            GroupEvent::SpareReady { route } => {
                debug!(peer = %to, ?route, "spare ready");
                NodeEvent::SpareReady { peer, route }
            }
            GroupEvent::SpareLost { route, cause } => {
                let (reason, at) = place(route, cause);
                info!(peer = %to, ?route, %reason, at = %name(at), "spare lost");
                NodeEvent::SpareLost { peer, route, reason, at }
            }
            GroupEvent::Broken { route, cause } => {
                let (reason, at) = place(route, cause);
                info!(peer = %to, ?route, %reason, at = %name(at), "no route left");
                NodeEvent::RouteLost { peer, reason, at }
            }
            GroupEvent::Silent { .. } => return None,
        })
    }

    fn broke_at(&self, route: RouteId, cause: Cause) -> Option<PublicKey> {
        broke_at(&self.routes.lock().get(&route)?.hops, cause)
    }
}

/// The node at which a path broke, as seen from its source: the one that a lost transport led to, or the one that ended
/// the route. None if nobody said so, or it was the source itself.
fn broke_at(hops: &[HopInfo], cause: Cause) -> Option<PublicKey> {
    let distance = usize::from(cause.distance?);
    let hop = match cause.reason {
        Reason::TransportLost => distance,
        Reason::Silent | Reason::Degraded => return None,
        _ => distance.checked_sub(1)?,
    };
    hops.get(hop).map(|hop| hop.to)
}

fn name(node: Option<PublicKey>) -> String {
    node.map_or_else(|| "-".to_owned(), |node| node.short())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use byway_base::{SecretKey, TransportId, TransportType};

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    /// From the source over nodes 1 and 2 to 3.
    fn hops() -> Vec<HopInfo> {
        let hop = |node| HopInfo {
            transport: TransportId::from_bytes([node; 16]),
            kind: TransportType::new("tcp").unwrap(),
            to: key(node),
            rtt: Duration::ZERO,
        };
        (1..=3).map(hop).collect()
    }

    fn at(reason: Reason, distance: u8) -> Option<PublicKey> {
        broke_at(&hops(), Cause { reason, distance: Some(distance) })
    }

    #[test]
    fn a_lost_transport_names_the_node_that_it_led_to() {
        let lost = |distance| at(Reason::TransportLost, distance);
        assert_eq!([lost(0), lost(1), lost(2)], [Some(key(1)), Some(key(2)), Some(key(3))]);
        assert_eq!(lost(3), None, "there is no transport behind the last node");
    }

    #[test]
    fn a_node_that_ended_the_route_is_named_and_the_source_is_not() {
        let limit = |distance| at(Reason::Limit, distance);
        assert_eq!([limit(0), limit(1), limit(3)], [None, Some(key(1)), Some(key(3))]);
        assert_eq!(limit(200), None, "nobody is that far away");
    }

    #[test]
    fn silence_and_bad_quality_name_nobody() {
        assert_eq!([at(Reason::Silent, 0), at(Reason::Silent, 1), at(Reason::Degraded, 1)], [None; 3]);
        assert_eq!(broke_at(&hops(), Cause::nowhere(Reason::TransportLost)), None);
    }
}
