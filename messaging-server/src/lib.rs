//! The relay: switches datagrams by public key.
//!
//! Clients connect with TLS over TCP and prove their keys; what one sends to another's key is handed on, unread.
//! `relay` is the one shared state, `byway_messaging::Switch` behind a lock that is held per batch and never across I/O;
//! `connection` is one client's task; `outgoing` is what it writes; `record` keeps the server listed in messaging
//! discovery, away from any client's path; `service` ties them to the process.
#![warn(missing_docs)]

mod config;
mod connection;
mod outgoing;
mod record;
mod relay;
mod report;
mod service;

pub use config::{Config, RawConfig};
pub use service::MessagingServer;
