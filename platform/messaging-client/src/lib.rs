//! Finds servers, stays connected, gives QUIC connections by public key.
//!
//! [`MessagingClient`] is what others use. Inside, `hub` holds the state that all parts share, with the choices made by
//! `byway_messaging::ClientCore`; `steward` carries them out; `link` is the connection to one server, over TLS or QUIC;
//! `dialler` and `acceptor` stand on one QUIC endpoint whose packets travel through the links; `publisher`, `look_up` and `discover`
//! talk to the directory; `service` carries the HTTP of control services.
#![warn(missing_docs)]

mod acceptor;
mod alpn;
mod client;
mod config;
mod dialler;
mod directory;
mod discover;
mod error;
mod hub;
mod inbound;
mod known;
mod link;
mod look_up;
mod places;
mod probe;
mod protocol;
mod publisher;
mod service;
mod status;
mod steward;

pub use acceptor::{Accepted, PeerConnections};
pub use alpn::{ALPN_ADMIN, ALPN_PUNCH, ALPN_RELAY, ALPN_SERVER, ALPN_SERVICE, ALPN_SETUP, ALPN_TRANSPORT};
pub use byway_messaging::{Origin, ServerInfo};
pub use client::MessagingClient;
pub use config::{Config, ServerAddress};
pub use directory::{Directory, HttpDirectory};
pub use error::{ConnectError, UnknownAlpn};
pub use known::Messaging;
pub use look_up::fetch as fetch_records;
pub use places::{Place, Places};
pub use protocol::{Protocol, UnknownProtocol};
pub use publisher::Publisher;
pub use service::serve_http;
pub use status::{RelayedPeer, ServerState, ServerStatus, Status};
