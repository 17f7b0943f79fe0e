//! Serves and calls the endpoints of `byway-api`: signatures, problem details, limits.
//!
//! - [`server`]: from a list of endpoints and their handlers to a listening service.
//! - [`client`]: calls endpoints and reads change streams.
//! - [`Audit`]: who changed what.
//! - [`signature`]: who speaks, in both directions (RFC 9421), and that nothing is heard twice.
#![warn(missing_docs)]

mod address;
mod audit;
mod authority;
pub mod client;
pub mod server;
pub mod signature;

pub use address::{AddressError, ServiceAddress};
pub use audit::Audit;
