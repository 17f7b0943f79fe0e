//! The protocols that connections by public key carry.

/// Setup nodes talk to nodes, and nodes to setup nodes.
pub const ALPN_SETUP: &[u8] = b"byway-setup/1";
/// Transports of the type `messaging`.
pub const ALPN_TRANSPORT: &[u8] = b"byway-transport/1";
/// Administration of a node.
pub const ALPN_ADMIN: &[u8] = b"byway-admin/1";
/// Services that prefer not to expose an address.
pub const ALPN_SERVICE: &[u8] = b"byway-service/1";
/// Two nodes agree on a direct way between them, past their NATs.
pub const ALPN_PUNCH: &[u8] = b"byway-punch/1";
/// Spoken between a messaging server and its clients, over TLS or QUIC.
pub const ALPN_SERVER: &[u8] = b"byway-messaging/1";
/// Spoken between two messaging servers.
pub const ALPN_RELAY: &[u8] = b"byway-relay/1";
