//! One file per transport type and the table that lists them.
//!
//! A transport type knows how to open and to accept an authenticated byte stream to a node. What follows is the same for
//! all: both edges sign the transport's entry (`agreement`), then packets flow. To add a type: one file, one row in
//! [`TYPES`]; see `docs/howto/add-a-transport-type.md`.
#![warn(missing_docs)]

mod agreeing;
mod agreement;
mod messaging;
mod registry;
mod stream;
mod tcp;
mod transport_type;

pub use agreement::AgreementError;
pub use registry::{OpenError, Opened, Registry, TYPES, TypeRow};
pub use stream::{LinkStream, PacketStream};
pub use transport_type::{Context, DialError, Link, LinkSink, Opener};
