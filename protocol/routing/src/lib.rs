//! Forwarding table, credit, fair queueing and route groups, as state machines.
//!
//! [`Forwarder`] is the whole data half of one node: it is told about packets, transports, rules and the time, and says
//! what to send where, whom to wake and what happened. It does no I/O and takes no lock; a shell calls it with batches
//! of packets. [`RouteGroup`] decides which of the routes between two ends carries the session.
//!
//! # One route at one node
//! A route is two *flows*, one per direction. A flow comes in from a transport under a label of this node,
//! or from a local session, and goes out to a transport under a label of the neighbour, or to a local
//! session. `data` uses credit: the receiver of a flow's data grants what it has passed on, so that the slowest hop
//! paces the source and a dead reader holds one window at each hop and nothing else. The receiver also decides how large
//! the window is (`window`), within the memory of the node, and delays grants where it carries for others no faster than
//! it was told to (`cap`).
#![warn(missing_docs)]

mod cap;
mod counters;
mod flow;
mod forwarder;
mod group;
mod label_map;
mod link;
mod outgoing;
mod signal;
mod window;

pub use cap::ForwarderConfig;
pub use counters::Counters;
pub use flow::{FlowCounters, credit_cost};
pub use forwarder::{Forwarder, InstallError, RouteSide, RouteSpec, RouteView, SendError};
pub use group::{Cause, Choice, GroupEvent, GroupRole, MemberView, RouteGroup};
pub use link::{TransportSlot, TransportView};
pub use outgoing::Outgoing;
pub use signal::{Event, RouteKey, Wake};
