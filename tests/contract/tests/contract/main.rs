//! Every endpoint of every service, against its description.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails it")]

mod descriptions;
mod refusals;
mod table;
