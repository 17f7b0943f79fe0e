//! Chains of forwarders, packet by packet.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod behaviour;
mod datagrams;
mod limits;
mod model;
mod trace;
mod windows;
mod world;
