//! Holds all transports and their state.
//!
//! Nodes register what both edges signed, report by heartbeat, and delete; route finders take a snapshot and follow
//! the change stream. [`TransportDiscovery`] is the service; the registry itself is `byway-store`.

mod api;
mod config;
mod events;
mod keeper;
mod service;

pub use byway_clock::Clock;
pub use config::{Config, RawConfig, RawStore};
pub use service::TransportDiscovery;
