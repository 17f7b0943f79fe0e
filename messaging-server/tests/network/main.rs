//! Messaging servers and clients in one process, over real TCP, TLS and QUIC.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod directory;
mod drain;
mod failover;
mod hostile;
mod links;
mod lying;
#[cfg(target_os = "linux")]
mod memory;
mod relay;
mod sessions;
mod streams;
mod support;
mod udp;
