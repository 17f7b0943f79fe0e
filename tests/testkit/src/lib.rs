//! What tests of several crates share: a real PostgreSQL, the workspace's programs as processes, waiting for state.

pub mod postgres;
pub mod process;
mod program;
pub mod skip;
pub mod wait;

pub use postgres::{Postgres, PostgresError, postgres_or_skip};
pub use process::{Ended, Launch, Process};
pub use program::{program, programs};
pub use skip::skipped;
