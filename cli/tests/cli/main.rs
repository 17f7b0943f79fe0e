//! The `byway` command from outside, and its carriers of streams over a network made of memory.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod arguments;
mod carriers;
mod command;
mod datagrams;
mod memory;
mod node;
mod operate;
mod overlay;
mod socks;
mod udp;
