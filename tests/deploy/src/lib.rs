//! What the tests of `deploy/` and of the compose file share: the repository's files, YAML as data, and tools that a
//! machine may lack.
//!
//! The tests themselves: `tests/compose` (compose file and Dockerfile), `tests/observability` (what Prometheus scrapes,
//! panels and alerts), `tests/units` (systemd units and the Debian package), `tests/kubernetes` (manifests),
//! `tests/operations` (the pages for operators).

mod repository;
mod tool;
pub mod yaml;

pub use repository::{read, root};
pub use tool::{Tool, run};
