//! What time it is: the one place where the platform asks.
#![warn(missing_docs)]

mod wall;

pub use wall::{Clock, unix_millis, unix_now};
