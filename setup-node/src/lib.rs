//! The whitelisted service that installs rules.
//!
//! A source asks over messaging (`sources`); its request is admitted, driven through the saga of `byway-setup`, recorded
//! and answered (`setups`, `driver`, `routes`); nodes are called over messaging as well (`messaging`, behind
//! [`NodeCaller`]). Administrators see and remove routes over HTTP (`admin`, `removal`); nodes
//! are asked now and then which of the listed routes are still there (`audit`).
#![warn(missing_docs)]

mod admin;
mod admission;
mod audit;
mod caller;
mod clock;
mod config;
mod driver;
mod messaging;
#[cfg(test)]
mod network;
mod removal;
mod routes;
mod service;
mod setups;
mod sources;
mod stats;

pub use admission::Bounds;
pub use caller::NodeCaller;
pub use config::{Config, RawConfig};
pub use service::SetupNode;
