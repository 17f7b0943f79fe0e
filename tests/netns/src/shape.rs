//! What one direction of a link does to packets.

use std::time::Duration;

/// How one direction of a link behaves. The default passes everything on at once.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shape {
    /// Time that each packet travels. Timers add up to 1 ms to it.
    pub delay: Duration,
    /// Share of the packets that get lost, each by itself: 0.01 is 1 %, 1.0 cuts the link.
    pub loss: f64,
    /// Packets that arrive later than those sent after them.
    pub reordering: Option<Reordering>,
    /// How much passes; `None` for as much as the machine moves.
    pub rate: Option<Rate>,
}

/// Some packets take a detour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reordering {
    /// Share of the packets that do, each by itself.
    pub share: f64,
    /// How much longer they travel.
    pub late: Duration,
}

/// A limit of speed with a queue before it, from whose tail packets are dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Bits per second, IP headers counted.
    pub bits_per_second: u64,
    /// How long the longest queue takes to drain: its bytes are this times the rate.
    pub queue: Duration,
}

impl Rate {
    /// How long so many bytes take to pass.
    pub(crate) fn time(&self, bytes: usize) -> Duration {
        let nanos = bytes as u128 * 8 * 1_000_000_000 / u128::from(self.bits_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
