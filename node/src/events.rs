//! What happens at a node that its user may want to see.

use byway_base::{OverlayAddress, PublicKey, RouteId, TransportType};
use byway_wire::Reason;
use tokio::sync::broadcast;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEvent {
    /// A transport came up.
    TransportUp {
        /// The other edge.
        peer: PublicKey,
        /// Its type.
        kind: TransportType,
    },
    /// A transport was lost or closed.
    TransportDown {
        /// The other edge.
        peer: PublicKey,
        /// Its type.
        kind: TransportType,
        /// What was seen.
        why: String,
    },
    /// A session's packets go over another route.
    RouteSwitched {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The route before.
        from: Option<RouteId>,
        /// The route from now on.
        to: RouteId,
        /// Why; none for the first route.
        reason: Option<Reason>,
        /// The node at which the route before broke, if that is known.
        at: Option<PublicKey>,
    },
    /// A striped session's packets go over one more route.
    RouteJoined {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The route.
        route: RouteId,
    },
    /// A striped session's packets go over one route less; there is no spare.
    RouteLeft {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The route.
        route: RouteId,
        /// Why.
        reason: Reason,
        /// The node at which it broke, if that is known.
        at: Option<PublicKey>,
    },
    /// A session has a spare.
    SpareReady {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The spare.
        route: RouteId,
    },
    /// A spare is gone; another is being sought.
    SpareLost {
        /// Where the session leads.
        peer: OverlayAddress,
        /// The spare.
        route: RouteId,
        /// Why.
        reason: Reason,
        /// The node at which it broke, if that is known.
        at: Option<PublicKey>,
    },
    /// A session has no route left; others are being sought.
    RouteLost {
        /// Where the session leads.
        peer: OverlayAddress,
        /// What ended the last one.
        reason: Reason,
        /// The node at which it broke, if that is known.
        at: Option<PublicKey>,
    },
}

/// Events kept for a reader that is slow; what exceeds them is lost to it, and it is told how many.
const BACKLOG: usize = 256;

/// Publishes events to whoever listens. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    sender: broadcast::Sender<NodeEvent>,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }

    pub(crate) fn publish(&self, event: NodeEvent) {
        // Nobody listens: fine.
        let _ = self.sender.send(event);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<NodeEvent> {
        self.sender.subscribe()
    }
}
