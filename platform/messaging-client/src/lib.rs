//! Finds servers, stays connected, gives QUIC connections by public key.
