//! The `byway` command.
