//! The protocol cores in virtual time: forwarders, route groups, sagas and rule books, thousands of each in one process.
//!
//! A seed decides everything: the world, what its sessions send, every fault and every delay. A [`Scenario`] makes a
//! world from a seed, lets it run, and ends with a [`Summary`] or with the [`Breach`] of a promise that a checker saw. The
//! checkers keep their own books; they take nothing from the cores but what a shell would: packets, wakes, events.
//!
//! What is production code here: [`byway_routing::Forwarder`], [`byway_routing::RouteGroup`], [`byway_setup::Saga`],
//! [`byway_setup::RuleBook`], and [`byway_wire`] between all of them, on every hop of every packet; under every session
//! [`quinn_proto`] with the settings of [`byway_net::quic::QuicProfile::session`]. What is a model: the line between nodes,
//! the shells of nodes and of QUIC, and the route finder.

mod breach;
mod checks;
mod dice;
mod end;
mod faults;
mod pattern;
mod scenario;
mod schedule;
mod summary;
mod trace;
mod world;

pub use breach::{Breach, Thousandths};
pub use scenario::{SCENARIOS, Scenario, find};
pub use summary::Summary;
pub use trace::print_events;
