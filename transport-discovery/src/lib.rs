//! Holds all transports and their state.
