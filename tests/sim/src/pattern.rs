//! What sessions send: bytes that any part of can be checked by its offset alone.

use std::sync::LazyLock;

use crate::dice::Dice;

/// A prime: no shift by whole packets, chunks or windows gives the same bytes again.
const PERIOD: usize = 1_048_573;
/// Longest part that can be asked for, bytes.
pub(crate) const PART: usize = 1 << 14;

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut dice = Dice::new(0x9e37);
    let mut bytes: Vec<u8> = (0..=PERIOD / 8).flat_map(|_| dice.roll().to_be_bytes()).collect();
    bytes.truncate(PERIOD);
    bytes.extend_from_within(..PART);
    bytes
});

/// The `len` bytes, at most [`PART`], that the stream `salt` has from `offset` on.
pub(crate) fn part(salt: u64, offset: u64, len: usize) -> &'static [u8] {
    let begin = (salt.wrapping_mul(0x9E37_79B9).wrapping_add(offset) % PERIOD as u64) as usize;
    &BYTES[begin..begin + len]
}
