//! The `byway` command.
//!
//! - [`run()`]: from arguments to an exit code. [`args`] is the tree of commands, `commands` has one file for each.
//! - [`dial`]: the small trait behind which a node is of this machine or of this process. [`proxy`], [`forward`],
//!   [`expose`] and [`udp`] carry local programs over it; the demonstration uses the same ones.
//! - [`output`]: tables, JSON, units.

pub mod args;
pub mod choice;
mod commands;
mod context;
pub mod demo;
pub mod dial;
pub mod expose;
pub mod forward;
pub mod output;
pub mod proxy;
mod relay;
mod run;
mod services;
pub mod stop;
pub mod target;
pub mod udp;
mod usage;

pub use run::run;
