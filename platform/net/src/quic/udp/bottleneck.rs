//! How much to keep in flight on a real path: what the bottleneck carries, and a short queue in front of it.
//!
//! Loss says little about a path over radio or a long line, so that the window follows what arrives, as BBR's does
//! (Cardwell et al., "BBR: Congestion-Based Congestion Control", 2016): the highest rate of delivery of the last
//! [`RATE_ROUNDS`] round trips times the shortest round trip, plus a standing queue of one more round trip, at most
//! [`QUEUE_MAX`]. That queue is what finds more: when the bottleneck gets faster the queue becomes shorter, so that more
//! is delivered in a round, so that the window grows. Only when more than [`LOSS_TOLERATED`] of a round is lost, or a
//! router marks packets, is a buffer overflowing; then the window shrinks, whatever the rates say.
//!
//! Pure: time comes in with every call.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// First window, packets. One that large fills no buffer of today, and two session packets fit into it.
const FIRST_PACKETS: u64 = 32;
/// Smallest window, packets: enough that a receiver acknowledges at once.
const LEAST_PACKETS: u64 = 4;
/// Largest window, bytes: 2.5 Gbit/s over 100 ms. Bounds what a sender keeps for repetition.
pub(super) const WINDOW_MAX: u64 = 32 * 1024 * 1024;
/// A rate counts for this many round trips; a slower path shows after them.
const RATE_ROUNDS: u64 = 10;
/// Shortest standing queue: a burst of a few milliseconds is what timers and schedulers do to any sender.
const QUEUE_MIN: Duration = Duration::from_millis(2);
/// Longest standing queue: half of what a hop may hold.
const QUEUE_MAX: Duration = Duration::from_millis(25);
/// The shortest round trip is measured anew after this: the path may have changed.
const TRIP_VALID: Duration = Duration::from_secs(10);
/// How long the queue is emptied for that, beside one round trip.
const TRIP_PROBE: Duration = Duration::from_millis(50);
/// Rounds that bring no quarter more, after which the rate counts as found.
const PLATEAU_ROUNDS: u32 = 3;
/// Loss of a round, as a divisor, that is no sign of an overflowing buffer: an eighth.
const LOSS_TOLERATED: u64 = 8;
/// Packets of a round that say something about loss.
const LOSS_SAMPLE: u64 = 64;

/// Packets sent at one time, and what had been delivered by then.
#[derive(Debug, Clone, Copy)]
struct Burst {
    sent: Instant,
    delivered: u64,
    delivered_at: Instant,
    /// When the packet that was acknowledged last had been sent.
    last_sent: Instant,
}

/// While the rate still grows from round to round.
#[derive(Debug, Clone, Copy, Default)]
struct Startup {
    best: u64,
    rounds: u32,
}

/// What is known of a path's bottleneck.
#[derive(Debug, Clone)]
pub(super) struct Bottleneck {
    mtu: u64,
    window: u64,
    startup: Option<Startup>,
    delivered: u64,
    delivered_at: Option<Instant>,
    last_sent: Option<Instant>,
    bursts: VecDeque<Burst>,
    /// A round ends when something sent after this much was delivered is acknowledged.
    round_end: u64,
    round: u64,
    round_lost: u64,
    round_acked: u64,
    round_marked: bool,
    round_full: bool,
    /// Bytes per second, each lower than those before it, with the round in which it was seen.
    rates: VecDeque<(u64, u64)>,
    trip: Option<(Duration, Instant)>,
    /// While the queue is emptied: until when, and the shortest round trip seen.
    probe: Option<(Instant, Duration)>,
    /// What overflowed, times seven eighths.
    ceiling: Option<u64>,
    acked: u64,
}

impl Bottleneck {
    pub(super) fn new(mtu: u16) -> Self {
        let mtu = u64::from(mtu);
        Self {
            mtu,
            window: FIRST_PACKETS * mtu,
            startup: Some(Startup::default()),
            delivered: 0,
            delivered_at: None,
            last_sent: None,
            bursts: VecDeque::new(),
            round_end: 0,
            round: 0,
            round_lost: 0,
            round_acked: 0,
            round_marked: false,
            round_full: false,
            rates: VecDeque::new(),
            trip: None,
            probe: None,
            ceiling: None,
            acked: 0,
        }
    }

    pub(super) fn window(&self) -> u64 {
        self.window.clamp(LEAST_PACKETS * self.mtu, WINDOW_MAX)
    }

    /// Bytes per second; zero before the first measurement.
    pub(super) fn rate(&self) -> u64 {
        self.rates.front().map_or(0, |(rate, _)| *rate)
    }

    pub(super) fn set_mtu(&mut self, mtu: u16) {
        self.mtu = u64::from(mtu);
    }

    pub(super) fn sent(&mut self, now: Instant) {
        if self.bursts.back().is_some_and(|burst| burst.sent == now) {
            return;
        }
        self.bursts.push_back(Burst {
            sent: now,
            delivered: self.delivered,
            delivered_at: self.delivered_at.unwrap_or(now),
            last_sent: self.last_sent.unwrap_or(now),
        });
    }

    /// `limited`: there was nothing more to send, so that the rate may be higher than it looks.
    pub(super) fn acknowledged(&mut self, now: Instant, sent: Instant, bytes: u64, limited: bool) {
        self.delivered += bytes;
        self.acked += bytes;
        self.round_acked += bytes;
        self.round_full |= !limited;
        self.see_trip(now, now.saturating_duration_since(sent));
        let after = self.bursts.partition_point(|burst| burst.sent <= sent);
        if let Some(burst) = after.checked_sub(1).and_then(|index| self.bursts.get(index)).copied() {
            // Older ones are acknowledged or lost by now, but for a few stragglers: they make no sample.
            self.bursts.drain(..after - 1);
            self.see_rate(now, burst, limited);
            if burst.delivered >= self.round_end {
                self.end_round();
            }
        }
        self.delivered_at = Some(now);
        self.last_sent = Some(sent);
    }

    /// After the acknowledgements of one packet, with what is still in flight.
    pub(super) fn acknowledged_all(&mut self, now: Instant, in_flight: u64) {
        if self.probe.is_some_and(|(until, _)| now >= until) {
            self.trip = self.probe.take().map(|(_, trip)| (trip, now));
        }
        let acked = std::mem::take(&mut self.acked);
        self.window =
            if self.startup.is_some() { self.window + acked } else { self.target().min(self.window + acked) };
        if in_flight == 0 {
            // What is sent next begins anew: the pause is no part of its rate.
            (self.delivered_at, self.last_sent) = (None, None);
        }
    }

    /// `bytes` is zero where a router marked packets instead of dropping them.
    pub(super) fn lost(&mut self, bytes: u64, persistent: bool) {
        self.round_lost += bytes;
        self.round_marked |= bytes == 0;
        if persistent {
            *self = Self { delivered: self.delivered, bursts: VecDeque::new(), ..Self::new(self.mtu as u16) };
            self.window = LEAST_PACKETS * self.mtu;
        }
    }

    fn see_rate(&mut self, now: Instant, burst: Burst, limited: bool) {
        let sending = burst.sent.saturating_duration_since(burst.last_sent);
        let arriving = now.saturating_duration_since(burst.delivered_at);
        let micros = sending.max(arriving).as_micros().max(1);
        let rate = u128::from(self.delivered - burst.delivered) * 1_000_000 / micros;
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        if limited && rate <= self.rate() {
            return;
        }
        while self.rates.back().is_some_and(|(lower, _)| *lower <= rate) {
            self.rates.pop_back();
        }
        self.rates.push_back((rate, self.round));
    }

    fn see_trip(&mut self, now: Instant, sample: Duration) {
        if let Some((_, shortest)) = &mut self.probe {
            *shortest = sample.min(*shortest);
        }
        match self.trip {
            Some((trip, _)) if sample > trip => {}
            _ => self.trip = Some((sample, now)),
        }
        let expired = self.trip.is_some_and(|(_, at)| now.saturating_duration_since(at) > TRIP_VALID);
        if expired && self.probe.is_none() && self.startup.is_none() {
            self.probe = Some((now + sample + TRIP_PROBE, sample));
        }
    }

    fn end_round(&mut self) {
        self.round_end = self.delivered;
        // A round in which there was little to send tells nothing about what the path does with more.
        if std::mem::take(&mut self.round_full) {
            self.round += 1;
            while self.rates.len() > 1 && self.rates[0].1 + RATE_ROUNDS < self.round {
                self.rates.pop_front();
            }
            self.seek_plateau();
        }
        if self.round_acked + self.round_lost >= LOSS_SAMPLE * self.mtu || self.round_marked {
            self.judge_loss();
        }
    }

    fn seek_plateau(&mut self) {
        let rate = self.rate();
        if let Some(startup) = &mut self.startup {
            if rate >= startup.best + startup.best / 4 {
                *startup = Startup { best: rate, rounds: 0 };
            } else {
                startup.rounds += 1;
            }
            if startup.rounds >= PLATEAU_ROUNDS {
                self.startup = None;
            }
        }
    }

    fn judge_loss(&mut self) {
        let all = self.round_acked + self.round_lost;
        let overflows = self.round_lost * LOSS_TOLERATED > all || self.round_marked;
        if overflows {
            self.startup = None;
            let window = self.window.min(self.target());
            self.ceiling = Some(window - window / 8);
        } else if let Some(ceiling) = self.ceiling {
            let raised = ceiling + ceiling / 16;
            self.ceiling = (raised < self.uncapped()).then_some(raised);
        }
        (self.round_acked, self.round_lost, self.round_marked) = (0, 0, false);
    }

    fn target(&self) -> u64 {
        self.uncapped().min(self.ceiling.unwrap_or(u64::MAX)).max(LEAST_PACKETS * self.mtu)
    }

    fn uncapped(&self) -> u64 {
        let Some((trip, _)) = self.trip else { return self.window };
        let held = match self.probe {
            Some(_) => trip / 2,
            None => trip + trip.clamp(QUEUE_MIN, QUEUE_MAX),
        };
        let bytes = u128::from(self.rate()) * held.as_micros() / 1_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const MTU: u16 = 1_200;

    /// A link in virtual time: `rate` bytes a second through a buffer of `buffer` bytes, `delay` each way, and every
    /// `lose`th packet lost at random.
    struct Link {
        rate: u64,
        buffer: u64,
        delay: Duration,
        lose: Option<u64>,
        seed: u64,
    }

    #[derive(Debug)]
    struct Outcome {
        /// Of what the link can carry, in the second half of the time.
        used: f64,
        /// The longest queue in the second half.
        queue: Duration,
    }

    impl Link {
        fn random(&mut self) -> u64 {
            self.seed =
                self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.seed >> 33
        }

        /// Sends for `time` what the window allows, paced as quinn does: a quarter faster than a window a round trip.
        fn run(mut self, time: Duration) -> Outcome {
            let start = Instant::now();
            let (half, packet) = (start + time / 2, u64::from(MTU));
            let (mut now, mut free_at, mut paced) = (start, start, start);
            let mut model = Bottleneck::new(MTU);
            // By time: what the sender learns then. True for an acknowledgement, false for a loss.
            let mut news: BTreeMap<(Instant, u64), (Instant, bool)> = BTreeMap::new();
            let (mut number, mut in_flight, mut carried, mut queue) = (0, 0, 0, Duration::ZERO);
            while now < start + time {
                let open = in_flight + packet <= model.window();
                if open && paced <= now {
                    number += 1;
                    in_flight += packet;
                    paced = now + self.delay.mul_f64(2.0 * packet as f64 / model.window() as f64 / 1.25);
                    model.sent(now);
                    let waits = free_at.saturating_duration_since(now);
                    let fits = waits.as_micros() as u64 * self.rate / 1_000_000 <= self.buffer;
                    let arrived = fits && self.lose.is_none_or(|one| !self.random().is_multiple_of(one));
                    if fits {
                        free_at = free_at.max(now) + Duration::from_micros(packet * 1_000_000 / self.rate);
                    }
                    // A loss shows by the packets behind it, an eighth of a round trip late.
                    let late = if arrived { Duration::ZERO } else { self.delay / 4 };
                    news.insert((free_at.max(now) + self.delay * 2 + late, number), (now, arrived));
                    queue = if now > half { queue.max(waits) } else { Duration::ZERO };
                    continue;
                }
                match news.first_key_value() {
                    Some(((at, _), _)) if !open || *at <= paced => now = *at,
                    _ => {
                        now = paced;
                        continue;
                    }
                }
                let (_, (sent, arrived)) = news.pop_first().expect("just seen");
                in_flight -= packet;
                if arrived {
                    carried += if now > half { packet } else { 0 };
                    model.acknowledged(now, sent, packet, false);
                    model.acknowledged_all(now, in_flight);
                } else {
                    model.lost(packet, false);
                }
            }
            let could = self.rate as f64 * time.as_secs_f64() / 2.0;
            Outcome { used: carried as f64 / could, queue }
        }
    }

    fn link(mbits: u64, delay_ms: u64, lose: Option<u64>) -> Link {
        let rate = mbits * 125_000;
        Link { rate, buffer: rate / 5, delay: Duration::from_millis(delay_ms) / 2, lose, seed: 7 }
    }

    #[test]
    fn a_path_is_filled_though_one_packet_in_twenty_is_lost() {
        for (mbits, delay, lose) in
            [(20, 20, None), (20, 20, Some(100)), (20, 100, Some(20)), (2, 100, Some(20))]
        {
            let outcome = link(mbits, delay, lose).run(Duration::from_secs(12));
            // What is lost cannot be carried.
            let can = lose.map_or(1.0, |one| 1.0 - 1.0 / one as f64);
            assert!(outcome.used > 0.9 * can, "{mbits} Mbit/s, {delay} ms, {lose:?}: {outcome:?}");
        }
    }

    #[test]
    fn the_queue_before_the_bottleneck_stays_short() {
        for (mbits, delay) in [(5, 10), (20, 20), (20, 100), (10, 200)] {
            let outcome = link(mbits, delay, None).run(Duration::from_secs(12));
            assert!(outcome.queue <= Duration::from_millis(50), "{mbits} Mbit/s, {delay} ms: {outcome:?}");
        }
    }

    #[test]
    fn a_buffer_that_overflows_makes_the_window_shrink() {
        let shallow = Link { buffer: 6_000, ..link(20, 40, None) };
        let outcome = shallow.run(Duration::from_secs(12));
        assert!(outcome.used > 0.7 && outcome.queue < Duration::from_millis(4), "{outcome:?}");
    }

    #[test]
    fn a_mark_of_a_router_shrinks_the_window_without_a_loss() {
        let start = Instant::now();
        let mut model = Bottleneck::new(MTU);
        let at = |round: u32| start + Duration::from_millis(10) * round;
        for round in 0..20 {
            model.sent(at(round));
            (0..40).for_each(|_| model.acknowledged(at(round + 1), at(round), 1_200, false));
            model.acknowledged_all(at(round + 1), 48_000);
        }
        let before = model.window();
        model.lost(0, false);
        model.sent(at(20));
        model.acknowledged(at(21), at(20), 1_200, false);
        model.acknowledged_all(at(21), 48_000);
        assert!(model.window() < before, "{} and {before}", model.window());
    }

    #[test]
    fn when_nothing_arrives_for_long_the_search_begins_anew() {
        let mut model = Bottleneck::new(MTU);
        let start = Instant::now();
        model.sent(start);
        model.acknowledged(start + Duration::from_millis(10), start, 100_000, false);
        model.acknowledged_all(start + Duration::from_millis(10), 0);
        model.lost(10_000, true);
        assert_eq!((model.window(), model.rate()), (LEAST_PACKETS * u64::from(MTU), 0));
        assert!(model.startup.is_some());
    }
}
