//! Tests of every message: one table of examples ([`examples`]), from which the golden vectors, the codec checks and
//! the examples of `docs/wire/` follow, and properties of arbitrary values.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

mod codec;
mod documents;
mod examples;
mod form;
mod json;
mod kinds;
mod properties;
mod samples;
mod signatures;
mod strategies;
mod streams;
mod vectors;
