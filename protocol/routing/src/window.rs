//! How much of a flow may be on its way to this node, found from how the flow moves.
//!
//! The receiver of a hop decides, as in QUIC (RFC 9000, 4.2): where the sender says that its data had to wait for credit,
//! while this node passes on what comes at once, the window holds the flow back, and doubles once in a round trip; by a
//! quarter only, once it was found to be too large. A rate measured here would not do instead: behind a loss that TCP repairs, a window takes much longer than a round trip.
//! Data that waits here for longer than [`QUEUE_DELAY`] shows that the window is larger than what lies ahead can take,
//! and it shrinks by the excess.

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
    /// The least and the most that waited in this round.
    low: usize,
    high: usize,
    /// The sender had to wait for credit in this round.
    blocked: bool,
    /// The window was too large once.
    shrunk: bool,
}

/// Between what a window may move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Window {
    pub(crate) const fn new(limit: usize, now: Moment) -> Self {
        Self { limit, round: now, passed: 0, low: usize::MAX, high: 0, blocked: false, shrunk: false }
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Starts anew with another size.
    pub(crate) fn reset(&mut self, limit: usize, now: Moment) {
        *self = Self::new(limit, now);
    }

    fn begin_round(&mut self, limit: usize, now: Moment) {
        *self = Self { shrunk: self.shrunk, ..Self::new(limit, now) };
    }

    /// The sender had to wait for credit.
    pub(crate) fn blocked(&mut self) {
        self.blocked = true;
    }

    /// Some bytes left the queue, and `waiting` are still there.
    pub(crate) fn passed(&mut self, bytes: usize, waiting: usize) {
        self.passed += bytes;
        self.low = self.low.min(waiting);
        self.high = self.high.max(waiting + bytes);
    }

    /// Decides at the end of a round; `rtt` is the hop's.
    pub(crate) fn tune(&mut self, now: Moment, rtt: Duration, bounds: Bounds) {
        let rtt = rtt.max(ROUND_MIN);
        let elapsed = now - self.round;
        if elapsed < rtt {
            return;
        }
        if self.blocked && self.low <= self.limit / 8 {
            let growth = if self.shrunk { self.limit / 4 } else { self.limit };
            let limit = (self.limit + growth).min(bounds.most).max(self.limit);
            self.begin_round(limit, now);
        } else if elapsed >= rtt.max(SHRINK_ROUND) {
            let fits = scale(self.passed, QUEUE_DELAY, elapsed);
            // A queue that is never short stands; one that is now and then long does its work.
            let stands = self.passed > 0 && self.low > fits / 2;
            let excess = if stands { self.high.min(self.limit).saturating_sub(fits) } else { 0 };
            let limit = self.limit - excess;
            let blocked = self.blocked && excess == 0;
            self.shrunk |= excess > 0;
            self.begin_round(limit.max(bounds.least.min(self.limit)), now);
            self.blocked = blocked;
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
            let room = window.limit().saturating_sub(waiting);
            if room < rate / 10 {
                window.blocked();
            }
            let came = room.min(rate / 10);
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
        assert!((bandwidth_delay..=2 * bandwidth_delay).contains(&window.limit()), "{}", window.limit());
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
