//! Look-up by routing ID.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use byway_base::RoutingId;

/// Flows by label. Only looked up, never walked, so its order cannot show.
pub(crate) type LabelMap = HashMap<RoutingId, usize, BuildHasherDefault<LabelHasher>>;

/// Multiplies by the golden ratio: labels are random already, this spreads them over the table's high bits.
/// A neighbour that chose its labels to collide would slow down only the routes that it receives itself.
#[derive(Debug, Default)]
pub(crate) struct LabelHasher(u64);

impl Hasher for LabelHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, label: u32) {
        self.0 = (self.0 ^ u64::from(label)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
