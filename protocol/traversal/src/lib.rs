//! How two nodes behind NATs find a direct way to each other, as state machines.
//!
//! Three steps, all over the UDP socket on which a node speaks QUIC:
//!
//! 1. [`Survey`] asks STUN servers (RFC 8489) from which address a node's datagrams come. Two servers that see different
//!    ones show a symmetric NAT.
//! 2. The peers exchange an [`Offer`] each over messaging ([`byway_wire::punch`]), and draw a [`Secret`].
//! 3. [`Attempt`] sends connectivity checks (RFC 8445) to the peer's candidates, while the peer does the same. A check
//!    opens the sender's NAT for the answer, and for the checks of the peer; once both NATs are open, checks pass. The
//!    initiator chooses the first way that works and dials QUIC over it.
//!
//! Which NATs this gets past (RFC 4787 has the terms): every pair but a symmetric NAT against a symmetric or
//! port-restricted one. There the port from which one side will come is known to nobody, and the other side admits no
//! unknown port. Such peers stay with messaging, and [`Failure`] says why.
//!
//! A peer is not trusted: what it names as candidates are addresses of third parties perhaps. So the number of datagrams
//! of an attempt is bounded, none is larger than a hundred bytes, and addresses that are nobody's are never tried
//! ([`candidates`]).
#![warn(missing_docs)]

mod attempt;
pub mod candidates;
mod failure;
mod ids;
mod secret;
pub mod stun;
mod survey;

pub use attempt::{Attempt, Offer, Role};
pub use byway_wire::punch::{Candidates, Half, Mapping};
pub use failure::Failure;
pub use secret::Secret;
pub use survey::{Family, Reachability, Survey};
