//! Chains of forwarders, packet by packet.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod behaviour;
mod model;
mod world;
