//! What tests of several crates share: a real PostgreSQL, networks in one process, keys.
