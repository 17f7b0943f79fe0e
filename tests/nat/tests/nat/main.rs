//! Nodes that only messaging reaches, behind routers of the kernel: which of them come to a direct transport, which do not
//! and why, and that no transfer notices.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod changes;
mod hops;
mod joining;
mod matrix;
mod support;
