//! The directory of nodes' and servers' contact records.
