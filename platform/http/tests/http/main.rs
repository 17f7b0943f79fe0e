//! A service and its callers, over real sockets of one process.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails it")]

mod audit;
mod by_key;
mod drain;
mod events;
mod identity;
mod input;
mod limits;
mod lines;
mod replies;
mod support;
