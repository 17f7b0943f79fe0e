//! Relay switch and client, as state machines.
