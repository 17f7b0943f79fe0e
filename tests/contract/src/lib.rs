//! Every HTTP endpoint held to its own description.
//!
//! [`Scene`] starts the services as processes. [`SigningProxy`] stands in front of one and signs whatever passes, so that
//! a program that knows nothing of signatures can speak to signed endpoints. [`Schemathesis`] is such a program: it
//! reads a service's `/openapi.json` and sends what fits it and what does not.
//!
//! Everything here is for tests and ends with a panic that says what was not as it should be.

mod proxy;
mod scene;
mod schemathesis;

pub use proxy::{SigningProxy, Upstream};
pub use scene::{Scene, signer};
pub use schemathesis::{REQUIRE, Schemathesis};
