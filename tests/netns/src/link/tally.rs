//! What became of packets.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::wire::Fate;

/// What became of the packets of one direction so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Arrived or under way.
    pub passed: u64,
    /// IP bytes of those.
    pub bytes: u64,
    /// Of those, how many took the detour.
    pub late: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Dropped at the full queue.
    pub overflowed: u64,
    /// Not taken by the kernel on the other side, since the device was down or memory ran out.
    pub refused: u64,
}

/// A [`Tally`] in the making.
#[derive(Debug, Default)]
pub(super) struct Counters {
    passed: AtomicU64,
    bytes: AtomicU64,
    late: AtomicU64,
    lost: AtomicU64,
    overflowed: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, fate: Fate, bytes: usize) {
        let add = |counter: &AtomicU64, more: u64| counter.fetch_add(more, Ordering::Relaxed);
        match fate {
            Fate::Lost => add(&self.lost, 1),
            Fate::Overflowed => add(&self.overflowed, 1),
            Fate::Arrives(_) | Fate::ArrivesLate(_) => {
                add(&self.late, u64::from(matches!(fate, Fate::ArrivesLate(_))));
                add(&self.bytes, bytes as u64);
                add(&self.passed, 1)
            }
        };
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            passed: read(&self.passed),
            bytes: read(&self.bytes),
            late: read(&self.late),
            lost: read(&self.lost),
            overflowed: read(&self.overflowed),
            refused: read(&self.refused),
        }
    }
}
