//! Forwarding table, credit, fair queueing, route groups, as state machines.
