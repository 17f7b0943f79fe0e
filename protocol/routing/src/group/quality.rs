//! How good a route is, by its probes.

use std::time::Duration;

use byway_base::limits::ROUTE_DEGRADED_MARGIN;

/// The latest probes that count for the loss.
const WINDOW: u32 = 16;
/// Answers before a route is compared with another.
const SAMPLES: u32 = 3;
/// What the loss of every probe adds to the round-trip time in comparisons; one lost in the window counts as 31 ms. A
/// pause of a second or two moves nobody, a route that pauses again and again is left.
const LOSS_COST: Duration = Duration::from_millis(500);

/// Smoothed round-trip time and loss.
#[derive(Debug, Default)]
pub(super) struct Quality {
    rtt: Option<Duration>,
    answers: u32,
    /// The latest outcomes, the last one in the lowest bit; a set bit is a loss.
    outcomes: u32,
    counted: u32,
}

impl Quality {
    /// A probe came back after `sample`. Smoothed as in RFC 6298, 2.3.
    pub(super) fn answered(&mut self, sample: Duration) {
        self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
        self.answers = self.answers.saturating_add(1);
        self.count(0);
    }

    pub(super) fn lost(&mut self) {
        self.count(1);
    }

    fn count(&mut self, lost: u32) {
        self.outcomes = (self.outcomes << 1 | lost) & ((1 << WINDOW) - 1);
        self.counted = (self.counted + 1).min(WINDOW);
    }

    pub(super) const fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Lost among the latest probes, in thousandths.
    pub(super) fn loss_permille(&self) -> u16 {
        (self.outcomes.count_ones() * 1_000).checked_div(self.counted).unwrap_or(0) as u16
    }

    /// What routes are compared by; smaller is better. None before enough was measured.
    pub(super) fn cost(&self) -> Option<Duration> {
        let loss = LOSS_COST * self.outcomes.count_ones() / WINDOW;
        self.rtt.filter(|_| self.answers >= SAMPLES).map(|rtt| rtt + loss)
    }
}

/// Above this, a route of `hops` hops is clearly worse than one that costs `other`.
pub(super) fn bar(other: Duration, hops: u32) -> Duration {
    other * 3 / 2 + ROUTE_DEGRADED_MARGIN * hops.max(1)
}
