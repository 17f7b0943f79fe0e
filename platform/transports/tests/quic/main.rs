//! `quic` transports over real UDP on loopback.
#![expect(clippy::unwrap_used, reason = "what a test relies on and does not get fails the test")]

mod hostile;
mod packets;
mod path;
mod relay;
mod support;
