//! Fuzz targets and their corpora, one per decoder, and one for the forwarder behind them.
//!
//! A target takes any bytes and panics if its decoder breaks a promise: it must not panic, must not allocate more than
//! its input justifies, and what it accepts must have one form. [`runner`] mutates the corpus and watches a target;
//! it needs nothing but a stable compiler. How to run it for longer: `docs/howto/fuzz.md`.

pub mod corpus;
pub mod mutator;
pub mod runner;
pub mod targets;

pub use targets::TARGETS;
