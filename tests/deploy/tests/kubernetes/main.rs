//! The Kubernetes manifests: as the published schemas want them, and as a network wants to run.
//!
//! - [`manifests`]: what the base and the overlay are made of. [`schema`]: each object against its schema.
//! - [`workloads`], [`policies`]: the rules. [`kustomize`]: what kustomize makes of all of it.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod kustomize;
mod manifests;
mod policies;
mod schema;
mod workloads;

/// The control plane.
const SERVICES: [&str; 5] =
    ["transport-discovery", "messaging-discovery", "route-finder", "messaging-server", "setup-node"];

/// Fails with all breaches, one a line.
fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}
