//! Home routers: each kind's mapping and filtering, and which pairs of them let two hosts open a way.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

mod changes;
mod kinds;
mod punching;
mod support;
