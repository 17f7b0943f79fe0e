//! The relay: switches datagrams by public key.
