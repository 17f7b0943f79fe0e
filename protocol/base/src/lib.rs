//! Words everyone shares: keys, ids, addresses, virtual time, limits, error codes, path policies.
//!
//! Nothing here reads a clock, opens a socket or draws a random number: a core takes all of them as arguments.
#![warn(missing_docs)]

mod address;
mod code;
mod datagram;
mod id;
mod key;
pub mod limits;
pub mod policy;
mod problem;
mod stamp;
mod time;

pub use address::{AddressError, OverlayAddress, Port};
pub use code::Code;
pub use datagram::DatagramError;
pub use id::{RouteId, RoutingId, TransportId, TransportType, TransportTypeError};
pub use key::{KeyError, PublicKey, SecretKey, Signature};
pub use policy::{Policy, PolicyError};
pub use problem::Problem;
pub use stamp::Stamp;
pub use time::{Moment, UnixTime};
