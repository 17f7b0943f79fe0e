//! The protocols that connections by public key carry.

/// Setup nodes talk to nodes, and nodes to setup nodes.
pub const ALPN_SETUP: &[u8] = b"byway-setup/1";
/// Transports of the type `messaging`.
pub const ALPN_TRANSPORT: &[u8] = b"byway-transport/1";
/// Administration of a node.
pub const ALPN_ADMIN: &[u8] = b"byway-admin/1";
/// Services that prefer not to expose an address.
pub const ALPN_SERVICE: &[u8] = b"byway-service/1";
/// Spoken on the TLS connection between a messaging server and its clients.
pub const ALPN_SERVER: &[u8] = b"byway-messaging/1";
