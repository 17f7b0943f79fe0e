//! What sessions send: bytes that any part of can be checked by its offset alone.

use std::sync::LazyLock;

use crate::dice::Dice;

const PERIOD: usize = 1 << 16;
/// Longest part that can be asked for, bytes.
const PART: usize = 1 << 14;

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut dice = Dice::new(0x9e37);
    let mut bytes: Vec<u8> = (0..PERIOD / 8).flat_map(|_| dice.roll().to_be_bytes()).collect();
    bytes.extend_from_within(..PART);
    bytes
});

/// The `len` bytes, at most 16 KiB, that the stream `salt` has from `offset` on.
pub(crate) fn part(salt: u64, offset: u64, len: usize) -> &'static [u8] {
    let begin = (salt.wrapping_mul(0x9E37_79B9).wrapping_add(offset) % PERIOD as u64) as usize;
    &BYTES[begin..begin + len]
}
