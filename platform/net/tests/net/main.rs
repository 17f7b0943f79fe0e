//! Handshakes over TCP and over virtual paths, and what runs over them.
#![expect(clippy::unwrap_used, reason = "what a test relies on and does not get fails the test")]

mod memory;
mod path;
mod quic;
mod tcp;
mod udp;

use std::time::Duration;

use byway_base::SecretKey;
use byway_net::Identity;

/// Long enough for the slowest machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

fn identity(seed: u8) -> Identity {
    Identity::new(SecretKey::from_seed([seed; 32]))
}
