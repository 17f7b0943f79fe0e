//! What every `main` needs: config, telemetry, health, metrics, signals.
//!
//! A service declares its settings with [`settings!`], implements [`Service`], and its `main` calls
//! [`run_service`]. Everything else here is what those three are made of, usable alone by the command line and by
//! tests.
//!
//! - [`settings!`], [`Loader`]: flag > environment > file > default, unknown names refused, every value's origin known.
//! - [`key_file`]: the secret key in its file. [`Secret`]: other secrets.
//! - [`telemetry`], [`metrics`]: the process's logs and counters; both may be set up repeatedly.
//! - [`Health`], [`Admin`]: named readiness checks and the listener that shows them.
//! - [`Shutdown`]: asked to stop, draining, out of time.
//! - [`render_problem`]: how a problem is shown to a person or a program.
//!
//! Unix only: file modes and signals are relied upon.
#![warn(missing_docs)]

mod admin;
mod announce;
mod atomic_file;
mod config;
mod health;
pub mod key_file;
pub mod metrics;
mod render;
mod run;
mod service;
mod shutdown;
pub mod telemetry;

pub use admin::Admin;
pub use announce::Announcement;
/// What an admin listener answers.
pub use axum::Router;

pub use atomic_file::replace as replace_file;
pub use config::{
    Common, ConfigKeys, Key, Kind, Loaded, Loader, Origin, Secret, Setting, Sourced, assert_settings,
    nearest, sample,
};
pub use health::{Check, Condition, Health, HealthReport, Readiness};
pub use render::{OutputFormat, render_problem};
pub use run::{run_service, run_service_here};
pub use service::Service;
pub use shutdown::Shutdown;
