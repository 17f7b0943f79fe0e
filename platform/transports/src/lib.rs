//! One file per transport type and the table that lists them.
//!
//! A transport type knows how to open and to accept an authenticated link to a node ([`Opening`]). What follows is the
//! same for all: both edges sign the transport's entry (`agreement`), then packets flow over a [`PacketLink`]. To add a
//! type: one file, one row in [`TYPES`]; see `docs/howto/add-a-transport-type.md`.
#![warn(missing_docs)]

mod agreeing;
mod agreement;
mod framed;
mod link;
mod messaging;
mod quic;
mod registry;
mod stream;
mod tcp;
mod transport_type;

pub use agreement::AgreementError;
pub use link::{Meter, Opening, PacketLink, Reading};
pub use registry::{OpenError, Opened, Registry, TYPES, TypeRow};
pub use transport_type::{Context, DialError, Link, LinkSink, Opener, Udp};
