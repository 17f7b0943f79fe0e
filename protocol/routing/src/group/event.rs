//! What a group tells its shell.

use std::time::Duration;

use byway_base::RouteId;
use byway_wire::Reason;

/// Why a route is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The reason.
    pub reason: Reason,
    /// Hops from here to the node that ended the route, 0 being this one; none if that says nothing.
    pub distance: Option<u8>,
}

/// What a source's group wants done or known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupEvent {
    /// A route carries the session in the place of another.
    Switched {
        /// The route before; none if the session had no route.
        from: Option<RouteId>,
        /// The route from now on.
        to: RouteId,
        /// Why the former was left; none if there was none.
        cause: Option<Cause>,
    },
    /// One more route carries a striped session.
    Joined {
        /// The route.
        route: RouteId,
    },
    /// A route no longer carries a striped session; the others go on, and there is no spare.
    Left {
        /// The route.
        route: RouteId,
        /// Why.
        cause: Cause,
    },
    /// A spare is there.
    SpareReady {
        /// The route.
        route: RouteId,
    },
    /// A spare is gone.
    SpareLost {
        /// The route.
        route: RouteId,
        /// Why.
        cause: Cause,
    },
    /// No route is left.
    Broken {
        /// The last one.
        route: RouteId,
        /// Why it ended.
        cause: Cause,
    },
    /// Nothing was answered for [`byway_base::limits::ROUTE_SILENCE`]: the shell must remove this route.
    Silent {
        /// The route.
        route: RouteId,
    },
}

/// A route of a group as users see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberView {
    /// The route.
    pub route: RouteId,
    /// It carries the session.
    pub active: bool,
    /// Smoothed round-trip time from end to end, once a probe was answered.
    pub rtt: Option<Duration>,
    /// Lost among the latest probes, in thousandths.
    pub loss_permille: u16,
}

impl Cause {
    /// A reason that names no place.
    #[must_use]
    pub const fn nowhere(reason: Reason) -> Self {
        Self { reason, distance: None }
    }
}
