//! Services that are reached by their keys alone, over real messaging servers, in this process.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails it")]

mod hostile;
mod servers;
mod services;
mod small;
mod support;
