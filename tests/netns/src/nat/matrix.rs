//! Between which routers two hosts can open a direct way over UDP, and between which they need a relay.

use super::NatKind;

/// How two hosts come to talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Packets go from one to the other once both have sent.
    Direct,
    /// Nothing that they send gets through.
    Relayed,
}

/// The kinds that make up the matrix.
pub const KINDS: [NatKind; 5] = [
    NatKind::Open,
    NatKind::FullCone,
    NatKind::AddressRestricted,
    NatKind::PortRestricted,
    NatKind::Symmetric,
];

/// What is expected: rows and columns in the order of [`KINDS`].
///
/// A symmetric router takes a port that the peer cannot know, and so needs a peer who lets in a port that it never sent to.
#[rustfmt::skip]
const EXPECTED: [[Way; 5]; 5] = {
    use Way::{Direct as D, Relayed as R};
    [
        // open, full cone, address-restricted, port-restricted, symmetric
        [D, D, D, D, D], // open
        [D, D, D, D, D], // full cone
        [D, D, D, D, D], // address-restricted
        [D, D, D, D, R], // port-restricted
        [D, D, D, R, R], // symmetric
    ]
};

/// What is expected between hosts behind these two; with UDP blocked on a side, a relay.
#[must_use]
pub fn expected(left: NatKind, right: NatKind) -> Way {
    let at = |kind| KINDS.iter().position(|known| *known == kind);
    match (at(left), at(right)) {
        (Some(row), Some(column)) => EXPECTED[row][column],
        _ => Way::Relayed,
    }
}
