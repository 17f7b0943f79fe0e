//! Path search against plain algorithms: petgraph's, and the enumeration of every path of a small graph.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod check;
mod constrained;
mod explain;
mod large;
mod model;
mod updates;
