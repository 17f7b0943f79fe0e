//! The relay: switches datagrams by public key.
//!
//! Clients connect with TLS over TCP or with QUIC and prove their keys; what one sends to another's key is handed on,
//! unread, by way of one other server if the other is there. `relay` is the one shared state, `byway_messaging::Switch`
//! behind a lock that is held per batch and never across I/O; `listen` are the sockets, `accept` is who comes in by them,
//! `connection` one peer's task and `outgoing` what it writes; `links` are other servers, `servers` where they are;
//! `stun` answers; `admin` tells who is connected; `record` keeps the server listed in messaging discovery, away from any client's path; `service` ties
//! them to the process.
#![warn(missing_docs)]

mod accept;
mod admin;
mod config;
mod connection;
mod links;
mod listen;
mod outgoing;
mod record;
mod relay;
mod report;
mod servers;
mod service;
mod stun;

pub use config::{Config, QuicListen, RawConfig};
pub use service::MessagingServer;
