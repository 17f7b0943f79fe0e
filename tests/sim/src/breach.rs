//! What a checker reports: a promise of the cores that was not kept.

use std::time::Duration;

use byway_base::{Moment, RouteId};

/// A promise that was not kept, with what is needed to look for the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A packet was delivered a second time.
    #[error("route {route:?} delivered its packet {number} twice")]
    Duplicate {
        /// The route.
        route: RouteId,
        /// The packet's number within the route and direction.
        number: u64,
    },
    /// A packet was delivered before one that was sent earlier.
    #[error("route {route:?} delivered its packet {number} where {expected} was due")]
    Order {
        /// The route.
        route: RouteId,
        /// The packet's number within the route and direction.
        number: u64,
        /// The number of the packet that was due.
        expected: u64,
    },
    /// A packet was delivered by another route than the one that it was sent on, or to the end that sent it.
    #[error("route {route:?} delivered a packet of another route or of the other direction")]
    WrongRoute {
        /// The route that delivered it.
        route: RouteId,
    },
    /// What was delivered is not what was sent.
    #[error("route {route:?} delivered bytes that nobody sent: {what}")]
    NeverSent {
        /// The route.
        route: RouteId,
        /// What is wrong with them.
        what: &'static str,
    },
    /// An end was told that the other had closed the route, while packets sent before were missing.
    #[error("route {route:?} ended as closed with {missing} packets undelivered")]
    ClosedEarly {
        /// The route.
        route: RouteId,
        /// How many packets did not come.
        missing: usize,
    },
    /// An end of a broken route was not told in time.
    #[error("node {node} was not told within {bound:?} that its route {route:?} broke at {since:?}")]
    NotTold {
        /// The node of the end.
        node: usize,
        /// The route.
        route: RouteId,
        /// When it broke.
        since: Duration,
        /// Within what time it should have heard.
        bound: Duration,
    },
    /// An end of a session saw what must not be: bytes that the other did not write there, another key, its loss.
    #[error("session {session}, end {side}: {what}")]
    Session {
        /// The session.
        session: usize,
        /// 0 at the source, 1 at the destination.
        side: usize,
        /// What it saw.
        what: String,
    },
    /// More is under way in a route than its windows allow.
    #[error("route {route:?} has {bytes} bytes under way; its windows allow {allowed}")]
    Windows {
        /// The route.
        route: RouteId,
        /// Sent and not delivered, bytes.
        bytes: usize,
        /// The most that may be.
        allowed: usize,
    },
    /// A node's queues hold more than its memory budget.
    #[error("node {node} has queued {bytes} bytes; its budget is {budget}")]
    Memory {
        /// The node.
        node: usize,
        /// Bytes queued.
        bytes: usize,
        /// Bytes allowed.
        budget: usize,
    },
    /// The queues of all nodes hold more than was sent.
    #[error("all queues together hold {held} bytes, and only {sent} were sent and not delivered")]
    Leak {
        /// Bytes in queues.
        held: usize,
        /// Bytes sent and not delivered.
        sent: usize,
    },
    /// Something is left where nothing should be.
    #[error("node {node} still holds {count} {what}")]
    Leftover {
        /// The node.
        node: usize,
        /// How many.
        count: usize,
        /// Of what.
        what: &'static str,
    },
    /// After healing, a session did not come back or did not finish.
    #[error("session {session} did not recover: {what}")]
    NotRecovered {
        /// The session.
        session: usize,
        /// What is missing.
        what: String,
    },
    /// A measured quantity is worse than promised.
    #[error("{what} is {measured}; promised is {promised}")]
    Measure {
        /// What was measured, with its unit.
        what: &'static str,
        /// The value.
        measured: Thousandths,
        /// The promise.
        promised: String,
    },
    /// A message that one core made is refused by the decoder of another.
    #[error("bytes from or to node {node} do not decode: {what}")]
    Codec {
        /// Who sent them or was to read them.
        node: usize,
        /// The decoder's words.
        what: String,
    },
    /// A core did what its interface excludes.
    #[error("node {node}: {what}")]
    Contract {
        /// The node.
        node: usize,
        /// What it did.
        what: String,
    },
    /// The same moment goes on for ever.
    #[error("{events} events and still at {at:?}, the same moment")]
    Livelock {
        /// Events of this moment so far.
        events: u64,
        /// Virtual time.
        at: Moment,
    },
    /// A core panicked.
    #[error("panicked: {0}")]
    Panic(String),
    /// Two runs of one seed went different ways.
    #[error("two runs of one seed differ: {0} and {1}")]
    Nondeterministic(String, String),
}

/// A measured number with three decimals, comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thousandths(i64);

impl From<f64> for Thousandths {
    fn from(value: f64) -> Self {
        Self((value * 1000.0).round() as i64)
    }
}

impl std::fmt::Display for Thousandths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.0 as f64 / 1000.0)
    }
}
