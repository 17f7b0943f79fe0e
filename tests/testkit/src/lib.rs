//! What tests of several crates share: a real PostgreSQL, networks in one process, keys.

pub mod postgres;

pub use postgres::{Postgres, PostgresError, postgres_or_skip};
