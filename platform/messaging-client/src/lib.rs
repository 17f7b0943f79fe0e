//! Finds servers, stays connected, gives QUIC connections by public key.
//!
//! [`MessagingClient`] is what others use. Inside, `hub` holds the state that all parts share, with the choices made by
//! `byway_messaging::ClientCore`; `steward` carries them out; `link` is the connection to one server; `dialler` and
//! `acceptor` stand on one QUIC endpoint whose packets travel through the links; `publisher`, `look_up` and `discover`
//! talk to the directory.
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
mod link;
mod look_up;
mod places;
mod publisher;
mod status;
mod steward;

pub use acceptor::{Accepted, PeerConnections};
pub use alpn::{ALPN_ADMIN, ALPN_SERVER, ALPN_SERVICE, ALPN_SETUP, ALPN_TRANSPORT};
pub use client::MessagingClient;
pub use config::{Config, ServerAddress};
pub use directory::{Directory, HttpDirectory};
pub use error::{ConnectError, UnknownAlpn};
pub use places::{Place, Places};
pub use publisher::Publisher;
pub use status::{ServerState, ServerStatus, Status};
