//! Path search against plain algorithms: petgraph's, and the enumeration of every path of a small graph.

mod check;
mod constrained;
mod explain;
mod large;
mod model;
mod updates;
