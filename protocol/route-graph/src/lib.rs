//! The transport graph and best-k path search under metrics and constraints.
//!
//! [`Graph`] takes every change of the network's transports and hands out [`Csr`], an immutable compressed adjacency
//! that any number of searches read while the graph moves on. [`find`] answers a [`Query`] on it, [`explain()`] says why
//! other paths lost or why there is none, [`check_path`] verifies a path that somebody chose by hand.
//!
//! Answers depend on the transports alone: two mirrors with the same content give the same paths, in whatever order
//! they heard of them. No search rebuilds or copies the graph, and each stops at a fixed number of visited vertices.
//!
//! The compact form implements petgraph's visitor traits, so that its algorithms run on it; the tests use them as the
//! oracle. The searches are this crate's own, because at a million nodes they are ten to a thousand times faster.
#![warn(missing_docs)]

mod check;
mod csr;
mod explain;
mod graph;
mod metric;
mod path;
mod search;

pub use check::{PathError, check_path};
pub use csr::{Csr, NodeIndex, TransportIndex, TransportRef};
pub use explain::{Constraint, Reason, explain};
pub use graph::{Counts, Graph, GraphError, Transport};
pub use metric::{Metric, Metrics, hop_cost, metric};
pub use path::{FoundPath, Hop};
pub use search::{Query, Scratch, SearchError, find};
