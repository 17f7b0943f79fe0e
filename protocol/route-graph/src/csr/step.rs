//! One way out of a node, in eight bytes: searches read steps by the million, and memory is what they wait for.

use byway_base::limits::{GRAPH_NODES, GRAPH_TRANSPORTS, GRAPH_TYPES};

use super::{NodeIndex, TransportIndex};

/// One way out of a node: across a transport to its other edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) to: NodeIndex,
    pub(crate) transport: TransportIndex,
    pub(crate) kind: u16,
}

/// A step as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Packed(u64);

const NODE_BITS: u32 = 21;
const TRANSPORT_BITS: u32 = 23;
const KIND_BITS: u32 = 16;

const _: () = {
    assert!(GRAPH_NODES <= 1 << NODE_BITS && GRAPH_TRANSPORTS <= 1 << TRANSPORT_BITS);
    assert!(GRAPH_TYPES <= 1 << KIND_BITS && NODE_BITS + TRANSPORT_BITS + KIND_BITS <= u64::BITS);
};

impl Packed {
    /// `to`, `transport` and `kind` are numbers below the limits of the graph.
    pub(super) fn new(to: u32, transport: u32, kind: u16) -> Self {
        Self(u64::from(to) | (u64::from(transport) | u64::from(kind) << TRANSPORT_BITS) << NODE_BITS)
    }

    #[inline]
    pub(super) fn open(self) -> Step {
        let bits = |from: u32, count: u32| (self.0 >> from & ((1 << count) - 1)) as u32;
        Step {
            to: NodeIndex::from(bits(0, NODE_BITS)),
            transport: TransportIndex::from(bits(NODE_BITS, TRANSPORT_BITS)),
            kind: (self.0 >> (NODE_BITS + TRANSPORT_BITS)) as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_comes_out_as_it_went_in_up_to_the_limits() {
        let largest = ((1 << NODE_BITS) - 1, (1 << TRANSPORT_BITS) - 1, u16::MAX);
        for (to, transport, kind) in [(0, 0, 0), (1, 2, 3), largest] {
            let (to_index, transport_index) = (NodeIndex::from(to), TransportIndex::from(transport));
            let step = Step { to: to_index, transport: transport_index, kind };
            assert_eq!(Packed::new(to, transport, kind).open(), step);
        }
    }
}
