//! How a control service is reached: HTTP on its address and, by its key, through messaging.
//!
//! [`Front`] is what every control service binds first and serves its endpoints on. Who is told `messaging://KEY` in the
//! place of a URL needs no address of the service, and the service no port that the world can reach.
#![warn(missing_docs)]

mod front;
mod reachable;

pub use front::Front;
pub use reachable::keep_reporting;
