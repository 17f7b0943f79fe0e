//! What a transport loses, and how much it is used.
//!
//! Both are smoothed, so that a burst moves no route. And both fade: a transport that paths avoid carries too little to
//! be measured again, and would be avoided for good by what it was once.

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
/// Throughput in use goes by about so much of the past.
const USE_MEMORY: Duration = Duration::from_secs(30);
/// A loss that nothing was sent to measure again is forgotten by half in some two thirds of this.
const LOSS_MEMORY: Duration = Duration::from_secs(300);

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
    /// Bits per second in the busier direction, smoothed.
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
        let bits = u64::try_from(bits).unwrap_or(u64::MAX);
        self.measured.throughput_bps = toward(self.measured.throughput_bps, bits, elapsed, USE_MEMORY);
        (self.at, self.bytes) = (self.at + elapsed, bytes);
        let Some(reading) = reading else { return };
        let sent = reading.sent.saturating_sub(self.reading.sent);
        if sent >= PACKETS {
            let lost = reading.lost.saturating_sub(self.reading.lost).min(sent);
            let sample = u32::try_from(lost * 1_000_000 / sent).unwrap_or(1_000_000);
            let smoothed = |loss: u32| loss - loss / 4 + sample / 4;
            self.measured.loss_ppm = Some(self.measured.loss_ppm.map_or(sample, smoothed));
            self.reading = reading;
        } else if let Some(loss_ppm) = &mut self.measured.loss_ppm {
            let faded = toward(u64::from(*loss_ppm), 0, elapsed, LOSS_MEMORY);
            *loss_ppm = u32::try_from(faded).unwrap_or(*loss_ppm);
        }
    }
}

/// A value on its way to another: after `elapsed`, by as much of the difference as that is of `memory`.
fn toward(value: u64, other: u64, elapsed: Duration, memory: Duration) -> u64 {
    let part = |difference: u64| {
        let moved = u128::from(difference) * elapsed.min(memory).as_millis() / memory.as_millis();
        u64::try_from(moved).unwrap_or(difference)
    };
    if other > value { value + part(other - value) } else { value - part(value - other) }
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
    fn a_loss_that_is_not_measured_again_fades() {
        let mut state = state();
        let report = Duration::from_secs(10);
        let reading = Reading { sent: 1_000, lost: 90 };
        state.advance(Some(reading), (0, 0), report);
        for _ in 0..30 {
            state.advance(Some(reading), (0, 0), report);
        }
        let faded = state.measured.loss_ppm.unwrap();
        assert!((20_000..45_000).contains(&faded), "by more than half in five minutes: {faded}");
    }

    #[test]
    fn the_throughput_goes_toward_that_of_the_busier_direction_and_back() {
        let mut state = state();
        let mut sent = 0;
        let mut send = |state: &mut State, bytes: u64, times: usize| {
            for _ in 0..times {
                sent += bytes;
                state.advance(None, (sent / 3, sent), Duration::from_secs(10));
            }
            state.measured.throughput_bps
        };
        assert_eq!(send(&mut state, 37_500, 1), 10_000, "a third of 30 kbit/s after a third of the memory");
        let risen = send(&mut state, 37_500, 12);
        assert!((29_500..=30_000).contains(&risen), "{risen}");
        let fallen = send(&mut state, 0, 12);
        assert!(fallen < 500, "{fallen}");
    }

    #[test]
    fn a_long_silence_leaves_nothing_of_what_was_before() {
        assert_eq!(toward(1_000, 0, 2 * USE_MEMORY, USE_MEMORY), 0);
        assert_eq!(toward(0, u64::MAX, USE_MEMORY, USE_MEMORY), u64::MAX);
    }
}
