//! The README as its reader takes it.

pub(crate) use byway_e2e::page::{Block, blocks, commands, mentioned};

/// The file itself.
pub(crate) const TEXT: &str = include_str!("../../../../README.md");
