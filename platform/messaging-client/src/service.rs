//! Control services over messaging: HTTP/1.1, one connection on each bidirectional stream of a connection by public key.

mod dial;
mod serve;
mod stream;

pub(crate) use dial::ServiceDialler;
pub use serve::serve_http;
