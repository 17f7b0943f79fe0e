//! Routes that get worse and better.

use std::time::Duration;

use byway_base::{
    Moment,
    limits::{ROUTE_DEGRADED_MARGIN, ROUTE_HOLD, ROUTE_PROBE_IDLE, ROUTE_PROBE_INTERVAL},
};
use byway_wire::Reason;

use super::{
    super::{Cause, GroupEvent},
    world::{World, ms, switched},
};

const DEGRADED: Cause = Cause::nowhere(Reason::Degraded);

/// Over which the routes were measured well enough.
const WARM: Duration = ROUTE_PROBE_IDLE.saturating_mul(3);

fn degraded(world: &World) -> Vec<Moment> {
    let is =
        |event: &GroupEvent| matches!(event, GroupEvent::Switched { cause: Some(c), .. } if *c == DEGRADED);
    world.events.iter().filter(|(_, event)| is(event)).map(|(at, _)| *at).collect()
}

#[test]
fn a_session_leaves_a_route_that_stays_clearly_worse_than_its_spare() {
    let mut world = World::with(1, &[20, 30]);
    world.run(WARM);
    world.take_events();
    world.rtts.insert(1, Some(ms(300)));
    world.run(ROUTE_PROBE_IDLE + ms(8_000));
    assert_eq!((world.take_events(), world.active()), (vec![switched(1, 2, DEGRADED)], vec![2]));
}

#[test]
fn a_session_stays_on_a_route_that_is_slower_by_no_more_than_its_own_data_may_make_it() {
    let mut world = World::with(1, &[20, 20]);
    world.run(WARM);
    world.take_events();
    let two_hops_full = ms(20) + ROUTE_DEGRADED_MARGIN * 2;
    world.rtts.insert(1, Some(two_hops_full));
    world.run(ROUTE_HOLD * 10);
    assert_eq!((world.take_events(), world.active()), (vec![], vec![1]));
}

#[test]
fn a_short_disturbance_moves_nobody() {
    let mut world = World::with(1, &[20, 30]);
    world.run(WARM);
    world.take_events();
    for _ in 0..20 {
        world.rtts.insert(1, Some(ms(400)));
        world.send();
        world.run(ms(900));
        world.rtts.insert(1, Some(ms(20)));
        world.run(ROUTE_PROBE_INTERVAL * 6);
    }
    assert_eq!((world.take_events(), world.active()), (vec![], vec![1]));
}

#[test]
fn a_route_that_loses_many_probes_is_left_for_one_that_loses_none() {
    let mut world = World::with(1, &[20, 30]);
    world.run(WARM);
    world.take_events();
    for _ in 0..40 {
        world.rtts.insert(1, None);
        world.send();
        world.run(ms(700));
        world.rtts.insert(1, Some(ms(20)));
        world.run(ms(700));
    }
    assert_eq!(world.take_events(), [switched(1, 2, DEGRADED)]);
}

#[test]
fn routes_that_are_worse_by_turns_make_the_session_move_ever_more_seldom() {
    let mut world = World::with(1, &[20, 20]);
    world.run(WARM);
    let begin = world.now;
    while world.now - begin < ROUTE_HOLD * 100 {
        let active = world.active()[0];
        world.rtts.insert(active, Some(ms(500)));
        world.rtts.insert(3 - active, Some(ms(20)));
        world.run(ms(1_000));
    }
    let switches = degraded(&world);
    let waits: Vec<Duration> = switches.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((4..=9).contains(&switches.len()), "{waits:?}");
    assert!(waits[0] >= ROUTE_HOLD, "{waits:?}");
    assert!(waits[1] >= ROUTE_HOLD * 2 && waits[2] >= ROUTE_HOLD * 4, "{waits:?}");
}

#[test]
fn a_spare_that_ends_during_the_wait_does_not_keep_the_session_from_switching_for_a_fault() {
    let mut world = World::with(1, &[500, 20]);
    world.run(WARM);
    assert_eq!(world.active(), [2]);
    world.take_events();
    world.end(2, super::world::FAULT);
    assert_eq!(world.take_events(), [switched(2, 1, super::world::FAULT)]);
}

#[test]
fn a_preferred_spare_takes_over_once_it_answered_and_not_again_before_the_wait_is_over() {
    let mut world = World::with(1, &[20, 20]);
    assert!(!world.prefer(2, 1), "it answered nothing yet");
    world.run(ms(100));
    world.take_events();
    assert!(world.prefer(2, 1));
    assert!(!world.prefer(1, 2), "the wait has begun");
    world.run(ROUTE_HOLD);
    assert_eq!((world.take_events(), world.active()), (vec![switched(1, 2, DEGRADED)], vec![2]));
    assert!(world.prefer(1, 2));
}

#[test]
fn only_a_spare_that_answers_is_preferred_and_only_to_an_active_route() {
    let mut world = World::with(1, &[20, 20, 20]);
    world.rtts.insert(3, None);
    world.run(WARM);
    for (spare, over) in [(3, 1), (1, 1), (2, 3), (9, 1), (2, 9)] {
        assert!(!world.prefer(spare, over), "{spare} over {over}");
    }
    assert_eq!(world.active(), [1]);
}
