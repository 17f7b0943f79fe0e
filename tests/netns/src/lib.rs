//! Networks on one machine: namespaces, cables between them, and links that behave like those of the world.
//!
//! Linux only, and only for root: a namespace is made with `ip` of iproute2, a [`Nat`] with `nft` of nftables. Kernels of test machines often have no
//! `netem`, so that delay, loss, reordering and rates come from a [`Link`] in user space.

mod device;
mod error;
mod internet;
mod ip;
mod lab;
mod link;
mod namespace;
mod nat;
mod nft;
mod shape;
mod stale;
mod wire;

pub use error::{LabError, Unavailable};
pub use internet::{Family, Home, Internet};
pub use lab::{Lab, REQUIRE, lab_or_skip};
pub use link::{Link, Tally};
pub use namespace::{Namespace, Plug};
pub use nat::{INSIDE, KINDS, Nat, NatKind, OUTSIDE, Way, expected, nat_lab_or_skip};
pub use shape::{Rate, Reordering, Shape};
