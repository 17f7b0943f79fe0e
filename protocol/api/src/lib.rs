//! Every HTTP endpoint as data: path, request, reply, error codes, auth class; OpenAPI comes from it.
//!
//! One module per service; each is one [`service!`] list and the types that its endpoints speak. `byway-http` serves
//! and calls what is declared here: a server does not compile until every endpoint of its list is handled.
#![warn(missing_docs)]

pub mod admin;
mod bounded;
mod endpoint;
mod event;
mod line;
pub mod local;
pub mod messaging_discovery;
pub mod messaging_server;
mod openapi;
mod page;
mod problem;
pub mod route_finder;
mod service;
pub mod setup_node;
pub mod transport_discovery;

pub use bounded::{Bounded, TooMany};
pub use endpoint::{Auth, AuthClass, Description, Endpoint, Form, Method, Open, Signed, describe};
pub use event::Event;
pub use line::{JSON_LINES, Line, Seal};
pub use openapi::openapi;
pub use page::{Page, page_limit};
pub use problem::{PROBLEM_JSON, ProblemDetails};
pub use service::{Fed, Once, Service, Watched};

/// What [`service!`] needs wherever it is used.
#[doc(hidden)]
pub mod private {
    pub use byway_base::Code;
}
