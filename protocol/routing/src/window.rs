//! How much of a flow may be on its way to this node, found from how the flow moves.
//!
//! The receiver of a hop decides, as in QUIC and in receive-window tuning of TCP ("Dynamic Right-Sizing", Fisk and Feng,
//! 2001): a flow that uses up its window within a round trip of the hop, while this node passes it on at once, is held
//! back by the window, which doubles. Data that waits here for longer than [`QUEUE_DELAY`] shows that the window is
//! larger than what lies ahead can take, and it shrinks by the excess.

use std::time::Duration;

use byway_base::{Moment, limits::QUEUE_DELAY};

/// Shortest round in which growth is decided: below it, the scheduling of tasks and not the hop sets the pace.
const ROUND_MIN: Duration = Duration::from_millis(2);
/// Shortest round in which shrinking is decided: long enough to see a rate at 1 Mbit/s.
const SHRINK_ROUND: Duration = Duration::from_millis(100);

/// A window's size and what was seen since it was last looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    limit: usize,
    round: Moment,
    /// Bytes that left the queue in this round.
    passed: usize,
    /// The least that waited in this round.
    low: usize,
}

/// Between what a window may move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Window {
    pub(crate) const fn new(limit: usize, now: Moment) -> Self {
        Self { limit, round: now, passed: 0, low: usize::MAX }
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Starts anew with another size.
    pub(crate) fn reset(&mut self, limit: usize, now: Moment) {
        *self = Self::new(limit, now);
    }

    /// Some bytes left the queue, and `waiting` are still there.
    pub(crate) fn passed(&mut self, bytes: usize, waiting: usize) {
        self.passed += bytes;
        self.low = self.low.min(waiting);
    }

    /// Decides at the end of a round; `rtt` is the hop's.
    pub(crate) fn tune(&mut self, now: Moment, rtt: Duration, bounds: Bounds) {
        let rtt = rtt.max(ROUND_MIN);
        let elapsed = now - self.round;
        if elapsed < rtt {
            return;
        }
        let in_flight = scale(self.passed, rtt, elapsed);
        if self.low <= self.limit / 8 && in_flight >= self.limit / 2 {
            let limit = (self.limit * 2).min(bounds.most).max(self.limit);
            self.reset(limit, now);
        } else if elapsed >= rtt.max(SHRINK_ROUND) {
            let fits = scale(self.passed, QUEUE_DELAY, elapsed);
            let excess = self.low.min(self.limit).saturating_sub(fits);
            let limit = if self.passed == 0 { self.limit } else { self.limit - excess };
            self.reset(limit.max(bounds.least.min(self.limit)), now);
        }
    }
}

/// `bytes` in `elapsed`, at the same rate in `span`.
fn scale(bytes: usize, span: Duration, elapsed: Duration) -> usize {
    let scaled = bytes as u128 * span.as_nanos() / elapsed.as_nanos().max(1);
    usize::try_from(scaled).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { least: 32 << 10, most: 32 << 20 };
    const HOP: Duration = Duration::from_millis(100);

    /// A hop of 100 ms that a sender keeps full, over a line of `rate` bytes per second, for `rounds` round trips; the
    /// node passes on at most `ahead` bytes per second.
    fn after(mut window: Window, rate: usize, ahead: usize, rounds: u32) -> Window {
        let mut now = window.round;
        let mut waiting = 0;
        for _ in 0..rounds {
            now = now + HOP;
            let came = window.limit().saturating_sub(waiting).min(rate / 10);
            let went = (waiting + came).min(ahead / 10);
            waiting = waiting + came - went;
            window.passed(went, waiting);
            window.tune(now, HOP, BOUNDS);
        }
        window
    }

    #[test]
    fn a_window_grows_until_it_no_longer_holds_the_line_back() {
        let window = after(Window::new(256 << 10, Moment::ZERO), 12_500_000, usize::MAX / 20, 20);
        let bandwidth_delay = 1_250_000;
        assert!((bandwidth_delay..4 * bandwidth_delay).contains(&window.limit()), "{}", window.limit());
    }

    #[test]
    fn a_window_shrinks_until_what_waits_passes_on_within_the_delay_that_is_aimed_at() {
        let window = after(Window::new(8 << 20, Moment::ZERO), 12_500_000, 1_250_000, 100);
        let (in_a_round_trip, in_the_delay) = (125_000, 62_500);
        assert!(window.limit() <= 2 * (in_a_round_trip + in_the_delay), "{}", window.limit());
        assert!(window.limit() >= in_the_delay);
    }

    #[test]
    fn a_flow_that_does_not_fill_its_window_leaves_it_as_it_is() {
        let window = after(Window::new(256 << 10, Moment::ZERO), 300_000, usize::MAX / 20, 50);
        assert_eq!(window.limit(), 256 << 10);
    }

    #[test]
    fn a_window_never_leaves_its_bounds() {
        let wide = after(Window::new(256 << 10, Moment::ZERO), usize::MAX / 20, usize::MAX / 20, 50);
        assert_eq!(wide.limit(), BOUNDS.most);
        let narrow = after(Window::new(256 << 10, Moment::ZERO), 10_000_000, 1_000, 500);
        assert_eq!(narrow.limit(), BOUNDS.least);
    }
}
