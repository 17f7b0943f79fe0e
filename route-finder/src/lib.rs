//! Answers path queries.
