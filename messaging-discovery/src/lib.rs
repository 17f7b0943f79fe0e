//! The directory of nodes' and servers' contact records.
//!
//! A record is signed by its subject and published by it alone; it vanishes when it expires. [`MessagingDiscovery`] is
//! the service; the registry itself is `byway-store`, and what surrounds it `byway-registry`.

mod api;
mod config;
mod expiry;
mod own;

pub use byway_clock::Clock;
pub use byway_registry::{Config, RawStore};
pub use config::RawConfig;
pub use expiry::Expiry;

/// The service.
pub type MessagingDiscovery = byway_registry::RegistryService<Expiry>;
