//! The independent checkers: they keep their own books of what was sent, held and broken, and never look into a core.

mod datagrams;
mod deliveries;
mod endings;
mod times;

pub(crate) use datagrams::Datagrams;
pub(crate) use deliveries::{Deliveries, STAMP};
pub(crate) use endings::Endings;
pub(crate) use times::Times;

/// One direction of a route, as its ends see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// Source to destination.
    Forward,
    /// Destination to source.
    Backward,
}

impl Direction {
    /// The direction in which the end `side` sends: the source is 0, the destination 1.
    pub(crate) const fn from_side(side: usize) -> Self {
        if side == 0 { Self::Forward } else { Self::Backward }
    }
}
