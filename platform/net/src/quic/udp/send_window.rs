//! How much QUIC is given to keep: what is in flight, and little more.
//!
//! What QUIC holds unsent waits behind the forwarder's fairness and is not seen by it. So QUIC's send window follows
//! that of the congestion control, with a little beyond it. QUIC counts acknowledged bytes too until everything before
//! them is acknowledged; where packets get lost that may be several windows, so that QUIC runs dry though its window is
//! full. That is seen, and gives it more for a while.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use byway_base::limits::{LINK_REORDER, LINK_UNSENT, LINK_UNSENT_TIME};
use quinn::Connection;
use tokio::time::{Instant, Sleep, sleep};

use super::Gauge;

/// How often the window is judged while it is full.
const INTERVAL: Duration = Duration::from_millis(20);

/// Keeps the send window of one connection as large as is of use.
#[derive(Debug)]
pub struct SendWindow {
    gauge: Arc<Gauge>,
    /// What QUIC was told.
    set: u64,
    /// For what is acknowledged out of order.
    extra: u64,
    /// [`Gauge::starved`] when it was looked at last.
    starved: u64,
    judged: Pin<Box<Sleep>>,
}

impl SendWindow {
    /// For the connection that `gauge` belongs to.
    #[must_use]
    pub fn new(gauge: Arc<Gauge>) -> Self {
        Self { gauge, set: LINK_UNSENT, extra: 0, starved: 0, judged: Box::pin(sleep(INTERVAL)) }
    }

    /// Bytes that leave within `time`, as far as is known.
    #[must_use]
    pub fn leaves_within(&self, time: Duration) -> u64 {
        let bytes = u128::from(self.gauge.rate()) * time.as_micros() / 1_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Tells QUIC, if the window is another one by now.
    pub fn follow(&mut self, connection: &Connection) {
        let unsent = self.leaves_within(LINK_UNSENT_TIME).max(LINK_UNSENT);
        let window = (self.gauge.window() + unsent + self.extra).min(LINK_REORDER.into());
        if window.abs_diff(self.set) > self.set / 16 {
            connection.set_send_window(window);
            self.set = window;
        }
    }

    /// There is room: being out of data now is nobody's fault.
    pub fn open(&mut self) {
        self.starved = self.gauge.starved();
    }

    /// There is none, and something waits: looks again after a while.
    pub fn full(&mut self, cx: &mut Context<'_>, connection: &Connection) {
        while let Poll::Ready(()) = self.judged.as_mut().poll(cx) {
            self.judge();
            self.follow(connection);
            self.judged.as_mut().reset(Instant::now() + INTERVAL);
        }
    }

    fn judge(&mut self) {
        let (window, starved) = (self.gauge.window(), self.gauge.starved());
        self.extra = if starved > self.starved {
            (self.extra * 2).clamp(window / 4, window * 3)
        } else {
            self.extra - self.extra / 32
        };
        self.starved = starved;
    }
}
