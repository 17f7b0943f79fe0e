//! What a transport loses, and how much it is used.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use byway_transports::{Meter, Reading};
use parking_lot::Mutex;

/// Shorter intervals say too little.
const INTERVAL: Duration = Duration::from_secs(1);
/// Fewer packets say nothing about loss.
const PACKETS: u64 = 20;

/// A transport's loss and use, from the counters of its link and of the data half.
pub(crate) struct Quality {
    meter: Option<Arc<dyn Meter>>,
    state: Mutex<State>,
}

/// What was measured last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Packets lost per million, smoothed; none if the link does not see them, or too few were sent yet.
    pub(crate) loss_ppm: Option<u32>,
    /// Bits per second in the busier direction.
    pub(crate) throughput_bps: u64,
}

#[derive(Debug)]
struct State {
    at: Instant,
    reading: Reading,
    /// Sent and received.
    bytes: (u64, u64),
    measured: Measured,
}

impl Quality {
    pub(crate) fn new(meter: Option<Arc<dyn Meter>>) -> Self {
        let reading = meter.as_ref().map(|meter| meter.read()).unwrap_or_default();
        let state = State { at: Instant::now(), reading, bytes: (0, 0), measured: Measured::default() };
        Self { meter, state: Mutex::new(state) }
    }

    /// Measures anew if the last time is long enough ago. `bytes` are those that the data half counted, sent and received.
    pub(crate) fn measure(&self, bytes: (u64, u64)) -> Measured {
        let mut state = self.state.lock();
        let elapsed = state.at.elapsed();
        if elapsed >= INTERVAL {
            let reading = self.meter.as_ref().map(|meter| meter.read());
            state.advance(reading, bytes, elapsed);
        }
        state.measured
    }
}

impl State {
    fn advance(&mut self, reading: Option<Reading>, bytes: (u64, u64), elapsed: Duration) {
        let sent = bytes.0.saturating_sub(self.bytes.0);
        let received = bytes.1.saturating_sub(self.bytes.1);
        let bits = u128::from(sent.max(received)) * 8 * 1_000 / elapsed.as_millis().max(1);
        self.measured.throughput_bps = u64::try_from(bits).unwrap_or(u64::MAX);
        (self.at, self.bytes) = (self.at + elapsed, bytes);
        let Some(reading) = reading else { return };
        let sent = reading.sent.saturating_sub(self.reading.sent);
        if sent >= PACKETS {
            let lost = reading.lost.saturating_sub(self.reading.lost).min(sent);
            let sample = u32::try_from(lost * 1_000_000 / sent).unwrap_or(1_000_000);
            let smoothed = |loss: u32| loss - loss / 4 + sample / 4;
            self.measured.loss_ppm = Some(self.measured.loss_ppm.map_or(sample, smoothed));
            self.reading = reading;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            at: Instant::now(),
            reading: Reading::default(),
            bytes: (0, 0),
            measured: Measured::default(),
        }
    }

    #[test]
    fn loss_is_what_was_lost_of_what_was_sent_and_is_smoothed() {
        let mut state = state();
        let second = Duration::from_secs(1);
        state.advance(Some(Reading { sent: 1_000, lost: 40 }), (0, 0), second);
        assert_eq!(state.measured.loss_ppm, Some(40_000));
        state.advance(Some(Reading { sent: 2_000, lost: 40 }), (0, 0), second);
        assert_eq!(state.measured.loss_ppm, Some(30_000));
    }

    #[test]
    fn a_link_that_sees_no_packets_or_too_few_knows_no_loss() {
        let mut state = state();
        state.advance(None, (0, 0), Duration::from_secs(1));
        state.advance(Some(Reading { sent: 3, lost: 1 }), (0, 0), Duration::from_secs(1));
        assert_eq!(state.measured.loss_ppm, None);
    }

    #[test]
    fn the_busier_direction_is_the_throughput() {
        let mut state = state();
        state.advance(None, (1_000, 3_000), Duration::from_secs(2));
        assert_eq!(state.measured.throughput_bps, 12_000);
        state.advance(None, (1_000, 3_000), Duration::from_secs(2));
        assert_eq!(state.measured.throughput_bps, 0);
    }
}
