//! The transport graph and best-k path search under metrics and constraints (petgraph).
