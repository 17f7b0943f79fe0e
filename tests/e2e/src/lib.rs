//! The whole product, from outside: the programs as processes, used as their users do.
//!
//! Everything here is for tests and ends with a panic that says what was not as it should be.

mod apps;
mod live;
mod network;
pub mod page;
mod raw_http;

pub use apps::{Apps, PATIENCE, dial, exchange};
pub use live::LiveStream;
pub use network::{CONTROL_PLANE, NODES, Network};
pub use raw_http::{RawRequest, send_raw, verdict};
