//! The systemd units and the Debian package that brings them.
//!
//! - [`stage`]: a root file system with the units, for systemd's own checks. [`sandbox`]: what services may do.
//! - [`package`]: the package, made of the program that tests have.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod package;
mod sandbox;
mod stage;

/// Every service that has a unit.
const SERVICES: [&str; 6] =
    ["node", "transport-discovery", "route-finder", "messaging-discovery", "messaging-server", "setup-node"];

fn unit(service: &str) -> String {
    format!("byway-{service}.service")
}
