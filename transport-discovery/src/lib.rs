//! Holds all transports and their state.
//!
//! Nodes register what both edges signed, report by heartbeat, and delete; route finders take a snapshot and follow
//! the change stream. [`TransportDiscovery`] is the service; the registry itself is `byway-store`, and
//! what surrounds it `byway-registry`.

mod api;
mod config;
mod events;
mod leases;
mod snapshot;

pub use byway_clock::Clock;
pub use byway_registry::{Config, RawStore};
pub use config::RawConfig;
pub use leases::Leases;

/// The service.
pub type TransportDiscovery = byway_registry::RegistryService<Leases>;
