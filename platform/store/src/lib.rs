//! The registries on PostgreSQL or embedded SQLite through sqlx, migrations included.
//!
//! [`Store::open`] takes a URL and brings the database to the present schema. Each registry is a handle on the store:
//! [`Transports`] for transport discovery, [`Records`] for messaging discovery. Whatever a registry's readers may
//! follow goes to the change log in the same transaction as the change itself, see [`changes`].
//!
//! Every method is told the time; nothing here reads a clock. Every wait has a deadline ([`STORE_TIMEOUT`]). Every
//! method is cancel safe: a dropped future has either done its whole transaction or nothing of it.
//!
//! [`STORE_TIMEOUT`]: byway_base::limits::STORE_TIMEOUT
#![warn(missing_docs)]

pub mod changes;
mod db;
mod error;
mod migrate;
mod notify;
#[cfg(test)]
mod plans;
pub mod records;
mod store;
pub mod transports;

pub use error::{OpenError, StoreError};
pub use notify::Changes;
pub use records::Records;
pub use store::{Opening, Store};
pub use transports::Transports;
