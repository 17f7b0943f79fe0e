//! TLS and QUIC identities, virtual QUIC paths, sockets.
//!
//! Every link of the network is authenticated the same way: TLS 1.3 in which both ends prove an Ed25519 key
//! (RFC 7250), and nothing else. [`identity`] builds those configurations, [`tcp`] and [`quic`] use them, and
//! [`virtual_path`] lets QUIC run over anything that carries datagrams, a route group or a messaging server included.
#![warn(missing_docs)]

pub mod backoff;
mod handshakes;
mod host_port;
pub mod identity;
mod pipe;
pub mod quic;
pub mod tcp;
pub mod virtual_path;

pub use backoff::Backoff;
pub use handshakes::{HandshakeLimits, source_network};
pub use host_port::{HostPort, NotHostPort};
pub use identity::{Expect, Identity, IdentityError, peer_key, quinn_peer_key};
pub use pipe::{Pipe, TlsPipe};
