//! Messaging servers and clients in one process, over real TCP, TLS and QUIC.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod directory;
mod failover;
mod hostile;
mod sessions;
mod streams;
mod support;
