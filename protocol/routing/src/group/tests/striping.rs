//! A striped session over routes of limited speed.

use std::{collections::VecDeque, time::Duration};

use byway_base::{Moment, limits::ROUTE_STRIPE_SKEW};

use super::{
    super::{GroupEvent, GroupRole, RouteGroup},
    world::{FAULT, World, key, ms, route, switched},
};

const PACKET: usize = 16_064;
/// Bytes that a sender may have waiting at one route.
const QUEUE: usize = 384 * 1024;

/// A route that passes on one packet after the other.
struct Line {
    bytes_per_second: u64,
    delay: Duration,
    /// Packets that have not arrived: when the last byte leaves, and the packet's number.
    queue: VecDeque<(Moment, usize)>,
    free: Moment,
}

impl Line {
    fn new(megabytes: u64, delay_ms: u64) -> Self {
        let queue = VecDeque::new();
        Self { bytes_per_second: megabytes * 1_000_000, delay: ms(delay_ms), queue, free: Moment::ZERO }
    }

    fn backlog(&self) -> usize {
        self.queue.len() * PACKET
    }

    fn take(&mut self, now: Moment, number: usize) -> bool {
        if self.backlog() + PACKET > QUEUE {
            return false;
        }
        let time = Duration::from_nanos(PACKET as u64 * 1_000_000_000 / self.bytes_per_second);
        self.free = self.free.max(now) + time;
        self.queue.push_back((self.free, number));
        true
    }
}

struct Run {
    /// Packets by line.
    carried: Vec<usize>,
    megabytes_per_second: f64,
    /// Most bytes that overtook one packet, once the lines were measured.
    overtaken: usize,
}

/// Sends as fast as the lines take it, for five seconds.
fn saturate(mut lines: Vec<Line>) -> Run {
    const TIME: Duration = Duration::from_secs(5);
    let mut group = RouteGroup::new(GroupRole::Source, lines.len());
    (1..=lines.len() as u8).for_each(|number| group.add(Moment::ZERO, route(number), key(number), 1));
    for (key, token) in group.poll_probes(Moment::ZERO) {
        group.probe_answered(Moment::ZERO + lines[key.index as usize - 1].delay * 2, key, token);
    }
    let (mut now, mut sent) = (Moment::ZERO, 0);
    let (mut carried, mut arrived, mut measured) = (vec![0; lines.len()], Vec::new(), 0);
    while now < Moment::ZERO + TIME {
        let choice = group.choose(now, PACKET, |key| Some(lines[key.index as usize - 1].backlog()));
        let taken = choice.into_iter().find(|key| lines[key.index as usize - 1].take(now, sent));
        if let Some(key) = taken {
            group.sent(key, PACKET);
            carried[key.index as usize - 1] += 1;
            sent += 1;
            continue;
        }
        now = now + Duration::from_micros(500);
        if now < Moment::ZERO + ms(100) {
            measured = sent;
        }
        for line in &mut lines {
            while let Some((left, number)) = line.queue.pop_front_if(|(left, _)| *left <= now) {
                arrived.push((left + line.delay, number));
            }
        }
    }
    arrived.sort();
    let overtaken = |(place, (_, number)): (usize, &(Moment, usize))| {
        arrived[..place].iter().rev().take(4_000).filter(|(_, earlier)| earlier > number).count() * PACKET
    };
    let steady = arrived.iter().enumerate().filter(|(_, (_, number))| *number >= measured);
    let megabytes = (arrived.len() * PACKET) as f64 / 1e6;
    Run {
        carried,
        megabytes_per_second: megabytes / TIME.as_secs_f64(),
        overtaken: steady.map(overtaken).max().unwrap_or(0),
    }
}

#[test]
fn two_equal_routes_carry_twice_as_much_as_one_and_hardly_change_the_order() {
    let one = saturate(vec![Line::new(10, 10)]);
    let two = saturate(vec![Line::new(10, 10), Line::new(10, 10)]);
    assert!(two.megabytes_per_second >= 1.95 * one.megabytes_per_second, "{}", two.megabytes_per_second);
    assert!(two.carried[0].abs_diff(two.carried[1]) * 50 < two.carried[0], "{:?}", two.carried);
    assert!(two.overtaken <= 4 * PACKET, "{}", two.overtaken);
}

#[test]
fn unequal_routes_carry_what_each_of_them_can() {
    let run = saturate(vec![Line::new(30, 5), Line::new(10, 20), Line::new(10, 5)]);
    assert!(run.megabytes_per_second >= 0.95 * 50.0, "{}", run.megabytes_per_second);
    assert!(run.overtaken as u64 <= ROUTE_STRIPE_SKEW, "{}", run.overtaken);
}

#[test]
fn a_route_a_hundred_times_slower_does_not_hold_up_the_fast_one() {
    let run = saturate(vec![Line::new(100, 5), Line::new(1, 5)]);
    assert!(run.megabytes_per_second >= 0.95 * 100.0, "{}", run.megabytes_per_second);
    assert!(run.overtaken as u64 <= ROUTE_STRIPE_SKEW, "{}", run.overtaken);
}

#[test]
fn small_traffic_stays_on_the_route_with_the_shorter_delay() {
    let mut world = World::with(2, &[10, 200]);
    world.run(ms(30_000));
    let first = |world: &mut World| world.group.choose(world.now, 100, |_| Some(0)).next();
    for _ in 0..100 {
        assert_eq!(first(&mut world), Some(key(1)));
        world.group.sent(key(1), 100);
        world.run(ms(50));
    }
}

#[test]
fn a_source_that_receives_much_shows_the_destination_all_of_its_routes() {
    let mut world = World::with(2, &[10, 200]);
    world.run(ms(30_000));
    let mut used = [0, 0];
    for _ in 0..1_000 {
        world.now = world.now + ms(1);
        // More than a turn's worth between two acknowledgements.
        world.group.received(world.now, key(1), 8 * PACKET);
        let chosen = world.group.choose(world.now, 100, |_| Some(0)).next().unwrap();
        world.group.sent(chosen, 100);
        used[chosen.index as usize - 1] += 1;
    }
    assert_eq!(used, [500, 500]);
}

#[test]
fn a_packet_is_offered_to_every_route_that_would_deliver_in_time_before_the_session_waits() {
    let mut world = World::with(3, &[10, 10, 10]);
    let offered: Vec<_> =
        world.group.choose(world.now, PACKET, |key| Some(key.index as usize * 100)).collect();
    assert_eq!(offered, [key(1), key(2), key(3)]);
}

#[test]
fn a_striped_session_fills_its_stripes_first_and_says_who_joins_and_leaves() {
    let mut world = World::with(2, &[10, 10, 10]);
    let first = GroupEvent::Switched { from: None, to: route(1), cause: None };
    let joined = |number| GroupEvent::Joined { route: route(number) };
    assert_eq!(world.take_events(), [first, joined(2), GroupEvent::SpareReady { route: route(3) }]);
    world.end(1, FAULT);
    assert_eq!(world.take_events(), [switched(1, 3, FAULT)]);
    world.end(2, FAULT);
    assert_eq!(world.take_events(), [GroupEvent::Left { route: route(2), cause: FAULT }]);
    world.add(4, Some(ms(10)));
    assert_eq!((world.take_events(), world.active()), (vec![joined(4)], vec![3, 4]));
}

#[test]
fn a_silent_stripe_is_left_to_the_others_and_comes_back_when_it_answers() {
    let mut world = World::with(2, &[10, 10]);
    world.run(ms(30_000));
    world.take_events();
    world.rtts.insert(1, None);
    let stuck = |key: crate::RouteKey| Some(if key.index == 1 { PACKET } else { 0 });
    for _ in 0..50 {
        world.group.choose(world.now, PACKET, stuck);
        world.group.received(world.now, key(2), 100);
        world.run(ms(100));
    }
    assert_eq!(world.active(), [2]);
    assert!(matches!(world.take_events()[..], [GroupEvent::Left { .. }]));
    world.rtts.insert(1, Some(ms(10)));
    world.run(ms(2_000));
    assert_eq!(world.take_events(), [GroupEvent::Joined { route: route(1) }]);
}
