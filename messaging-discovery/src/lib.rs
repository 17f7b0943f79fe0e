//! The directory of nodes' and servers' contact records.
//!
//! A record is signed by its subject and published by it alone; it vanishes when it expires. [`MessagingDiscovery`] is
//! the service; the registry itself is `byway-store`.

mod api;
mod config;
mod keeper;
mod service;

pub use byway_clock::Clock;
pub use config::{Config, RawConfig, RawStore};
pub use service::MessagingDiscovery;
