//! Every byte put on a network: packets, messaging frames, setup messages, signed records; total decoders.
//!
//! A decoder here takes any bytes and answers with a value or a [`DecodeError`]; it neither panics nor allocates more
//! than the input justifies. The formats are described in `docs/wire/`.
#![warn(missing_docs)]

mod codec;
pub mod link;
pub mod messaging;
pub mod packet;
pub mod punch;
pub mod record;
pub mod route_request;
pub mod setup;
pub mod transport_entry;

pub use codec::{DecodeError, Reader, Wire, decode_whole, encode};
pub use packet::{Header, Kind, Packet, Reason};
pub use record::{Candidate, Record, RecordBody, SignedRecord};
pub use route_request::{Hop, RouteRequest, SignedRouteRequest};
pub use transport_entry::{SignedTransportEntry, TransportEntry};
