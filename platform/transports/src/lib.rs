//! One file per transport type and the table that lists them.
