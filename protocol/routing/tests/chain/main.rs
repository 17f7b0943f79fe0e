//! Chains of forwarders, packet by packet.

mod attacks;
mod behaviour;
mod model;
mod world;
