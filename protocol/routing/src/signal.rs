//! What the forwarder tells its shell: whom to wake, and what happened.

use std::{collections::VecDeque, time::Duration};

use byway_base::RouteId;
use byway_wire::Reason;

use crate::TransportSlot;

/// Names a route at its node; stays unique when slots are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Someone who can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The transport has packets to send.
    Transport(TransportSlot),
    /// A local session has packets to read from this route.
    Readable(RouteKey),
    /// A local session that found this route full may send again.
    Writable(RouteKey),
    /// A local session has datagrams to read from this route.
    Datagrams(RouteKey),
    /// Something is due by time, earlier than [`crate::Forwarder::poll_timeout`] said.
    Timer,
}

/// Something that the control half should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A route is gone from this node.
    RouteEnded {
        /// Its key, now stale.
        key: RouteKey,
        /// Its id.
        route: RouteId,
        /// Whether it began or ended here.
        local: bool,
        /// Why.
        reason: Reason,
        /// How many hops from here the node is that ended it: 0 if it is this one.
        distance: u8,
    },
    /// The first packet came over a route that ends here. It crossed every node of the path, so all of them have their
    /// rules: from now on this end may send.
    RouteUsed {
        /// Its key.
        key: RouteKey,
        /// Its id.
        route: RouteId,
    },
    /// The other end answered a probe.
    ProbeAnswered {
        /// The route it went over.
        key: RouteKey,
        /// The token that was sent.
        token: u64,
    },
    /// A node of the route, or its other end, answered a trace.
    TraceAnswered {
        /// The route it went over.
        key: RouteKey,
        /// The token that was sent.
        token: u64,
    },
    /// A transport's peer answered a ping.
    RoundTrip {
        /// The transport.
        slot: TransportSlot,
        /// How long it took.
        rtt: Duration,
    },
    /// A transport's peer has been silent for too long, or does not read; the shell must close it.
    TransportDead {
        /// The transport.
        slot: TransportSlot,
        /// What was seen.
        why: &'static str,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Signals {
    wakes: Vec<Wake>,
    events: VecDeque<Event>,
}

impl Signals {
    pub(crate) fn wake(&mut self, wake: Wake) {
        self.wakes.push(wake);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn pop_wake(&mut self) -> Option<Wake> {
        self.wakes.pop()
    }

    pub(crate) fn pop_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
