//! The fate of each packet, decided in virtual time.

use std::time::Instant;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::Shape;

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Wire {
    random: StdRng,
    /// When the last packet in the queue will have left it.
    free_at: Instant,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives at this time.
    Arrives(Instant),
    /// It arrives at this time, behind packets sent after it.
    ArrivesLate(Instant),
    /// It got lost.
    Lost,
    /// The queue was full.
    Overflowed,
}

impl Wire {
    pub(crate) fn new(seed: u64, now: Instant) -> Self {
        Self { random: StdRng::seed_from_u64(seed), free_at: now }
    }

    /// Takes a packet of so many bytes.
    pub(crate) fn send(&mut self, shape: &Shape, now: Instant, bytes: usize) -> Fate {
        let mut leaves = now;
        if let Some(rate) = shape.rate {
            let starts = self.free_at.max(now);
            if starts.duration_since(now) > rate.queue {
                return Fate::Overflowed;
            }
            leaves = starts + rate.time(bytes);
            self.free_at = leaves;
        }
        // Lost on its way, behind the queue: a lost packet took its time to leave.
        if self.happens(shape.loss) {
            return Fate::Lost;
        }
        let arrives = leaves + shape.delay;
        match shape.reordering {
            Some(detour) if self.happens(detour.share) => Fate::ArrivesLate(arrives + detour.late),
            _ => Fate::Arrives(arrives),
        }
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random::<f64>() < share
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{Rate, Reordering};

    const PACKET: usize = 1_500;

    /// Sends packets at these times after the start and tells what became of each.
    fn fates(shape: Shape, seed: u64, times: impl Iterator<Item = Duration>) -> Vec<(Instant, Fate)> {
        let start = Instant::now();
        let mut wire = Wire::new(seed, start);
        times.map(|at| (start + at, wire.send(&shape, start + at, PACKET))).collect()
    }

    fn every(gap: Duration, count: u32) -> impl Iterator<Item = Duration> {
        (0..count).map(move |number| gap * number)
    }

    #[test]
    fn a_plain_link_passes_everything_at_once_and_a_delay_is_added_to_each_packet() {
        for delay in [Duration::ZERO, Duration::from_millis(20)] {
            let shape = Shape { delay, ..Shape::default() };
            for (sent, fate) in fates(shape, 1, every(Duration::from_micros(7), 1_000)) {
                assert_eq!(fate, Fate::Arrives(sent + delay));
            }
        }
    }

    #[test]
    fn the_share_of_lost_packets_is_what_was_asked_for() {
        for loss in [0.001, 0.01, 0.05, 0.5] {
            let shape = Shape { loss, ..Shape::default() };
            let count = 200_000;
            let all = fates(shape, 7, every(Duration::ZERO, count));
            let lost = all.iter().filter(|(_, fate)| *fate == Fate::Lost).count() as f64;
            let (mean, deviation) =
                (f64::from(count) * loss, (f64::from(count) * loss * (1.0 - loss)).sqrt());
            assert!((lost - mean).abs() < 6.0 * deviation, "{lost} of {count} at {loss}");
        }
    }

    #[test]
    fn a_cut_link_passes_nothing() {
        let shape = Shape { loss: 1.0, ..Shape::default() };
        assert!(fates(shape, 3, every(Duration::ZERO, 10_000)).iter().all(|(_, fate)| *fate == Fate::Lost));
    }

    #[test]
    fn packets_on_a_detour_arrive_behind_those_sent_after_them() {
        let late = Duration::from_millis(5);
        let shape = Shape {
            reordering: Some(Reordering { share: 0.1, late }),
            delay: Duration::from_millis(20),
            ..Shape::default()
        };
        let all = fates(shape, 5, every(Duration::from_micros(100), 20_000));
        let detours = all.iter().filter(|(_, fate)| matches!(fate, Fate::ArrivesLate(_))).count();
        assert!((1_700..2_300).contains(&detours), "{detours}");
        for (sent, fate) in all {
            match fate {
                Fate::Arrives(at) => assert_eq!(at, sent + shape.delay),
                Fate::ArrivesLate(at) => assert_eq!(at, sent + shape.delay + late),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_link_that_is_offered_too_much_passes_its_rate_and_drops_the_rest() {
        let rate = Rate { bits_per_second: 12_000_000, queue: Duration::from_millis(50) };
        let shape = Shape { rate: Some(rate), ..Shape::default() };
        // Twice the rate, which is a packet each millisecond, for ten seconds.
        let all = fates(shape, 2, every(Duration::from_micros(500), 20_000));
        let passed = all.iter().filter(|(_, fate)| *fate != Fate::Overflowed).count();
        assert!((10_000..=10_051).contains(&passed), "{passed}");
    }

    #[test]
    fn the_same_seed_gives_the_same_fates_and_another_seed_others() {
        let shape = Shape { loss: 0.5, ..Shape::default() };
        let lost = |seed| {
            let all = fates(shape, seed, every(Duration::ZERO, 256)).into_iter();
            all.map(|(_, fate)| fate == Fate::Lost).collect::<Vec<_>>()
        };
        assert_eq!(lost(11), lost(11));
        assert_ne!(lost(11), lost(12));
    }

    proptest! {
        #[test]
        fn no_more_bytes_arrive_in_any_time_than_the_rate_lets_pass(
            gaps in prop::collection::vec(0u64..3_000, 1..300),
            queue in 0u64..100,
            bits_per_second in 1_000_000u64..100_000_000,
        ) {
            let rate = Rate { bits_per_second, queue: Duration::from_millis(queue) };
            let shape = Shape { rate: Some(rate), delay: Duration::from_millis(20), ..Shape::default() };
            let mut at = Duration::ZERO;
            let times = gaps.into_iter().map(|gap| { at += Duration::from_micros(gap); at });
            let all = fates(shape, 9, times);
            let arrived: Vec<_> = all.iter().filter_map(|(sent, fate)| match fate {
                Fate::Arrives(arrives) => Some((*sent, *arrives)),
                _ => None,
            }).collect();
            prop_assert!(!arrived.is_empty(), "the first packet always passes");
            for pair in arrived.windows(2) {
                prop_assert!(pair[1].1.duration_since(pair[0].1) >= rate.time(PACKET));
            }
            for (sent, arrives) in arrived {
                prop_assert!(arrives.duration_since(sent) <= rate.queue + rate.time(PACKET) + shape.delay);
            }
        }
    }
}
