//! The operations pages are true: their commands are run as they stand there, on machines that are made up of folders.
//!
//! Whoever writes commands into a page runs them in a test here; a section whose commands nobody runs is a failure.
//!
//! - [`pages`]: the pages by section. [`machine`]: folders, a `systemctl`, and processes for a machine.
//! - [`network`]: machines that are a network. [`registries`], [`rotation`], [`daily`]: the tests of the pages.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod daily;
mod machine;
mod network;
mod pages;
mod registries;
mod rotation;
