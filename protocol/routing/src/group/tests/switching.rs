//! Routes that end or fall silent.

use byway_base::limits::{ROUTE_PROBE_ALERT, ROUTE_PROBE_IDLE, ROUTE_PROBE_INTERVAL, ROUTE_SILENCE};
use byway_wire::Reason;

use super::{
    super::{Cause, GroupEvent},
    world::{FAULT, World, ms, route, switched},
};

const SILENT: Cause = Cause::nowhere(Reason::Silent);

#[test]
fn the_first_route_carries_the_session_and_the_next_is_its_spare() {
    let mut world = World::with(1, &[20, 20]);
    let first = GroupEvent::Switched { from: None, to: route(1), cause: None };
    assert_eq!(world.take_events(), [first, GroupEvent::SpareReady { route: route(2) }]);
    assert_eq!(world.active(), [1]);
}

#[test]
fn an_active_route_that_ends_is_replaced_at_once_and_the_place_where_it_broke_is_told() {
    let mut world = World::with(1, &[20, 20]);
    world.take_events();
    world.end(1, FAULT);
    assert_eq!((world.take_events(), world.active()), (vec![switched(1, 2, FAULT)], vec![2]));
    world.end(2, FAULT);
    assert_eq!(world.take_events(), [GroupEvent::Broken { route: route(2), cause: FAULT }]);
    world.add(3, Some(ms(20)));
    assert_eq!(world.take_events(), [GroupEvent::Switched { from: None, to: route(3), cause: None }]);
}

#[test]
fn a_lost_spare_is_told_and_the_session_stays() {
    let mut world = World::with(1, &[20, 20]);
    world.take_events();
    world.end(2, FAULT);
    assert_eq!(world.take_events(), [GroupEvent::SpareLost { route: route(2), cause: FAULT }]);
    assert_eq!((world.active(), world.group.missing(2)), (vec![1], 1));
}

#[test]
fn of_several_spares_the_fastest_takes_over() {
    let mut world = World::with(1, &[20, 90, 30]);
    world.run(ROUTE_PROBE_INTERVAL);
    world.end(1, FAULT);
    assert_eq!(world.active(), [3]);
}

#[test]
fn a_route_that_swallows_what_a_session_sends_is_left_long_before_it_is_given_up() {
    let mut world = World::with(1, &[20, 20]);
    world.run(ROUTE_PROBE_IDLE * 3);
    world.take_events();
    world.rtts.insert(1, None);
    let broke = world.now;
    world.send();
    world.run(ms(2_500));
    assert_eq!((world.take_events(), world.active()), (vec![switched(1, 2, SILENT)], vec![2]));
    assert_eq!(world.group.missing(2), 1, "a silent route is replaced while it may still come back");
    world.run(ROUTE_SILENCE);
    let lost = GroupEvent::SpareLost { route: route(1), cause: SILENT };
    assert_eq!(world.take_events(), [GroupEvent::Silent { route: route(1) }, lost]);
    assert!(world.now - broke > ROUTE_SILENCE);
}

#[test]
fn where_no_route_answers_the_session_stays_and_goes_on_over_the_first_that_does() {
    let mut world = World::with(1, &[20, 20]);
    world.run(ROUTE_PROBE_IDLE);
    world.take_events();
    (1..=2).for_each(|number| {
        world.rtts.insert(number, None);
    });
    world.send();
    world.run(ms(4_000));
    assert_eq!((world.take_events(), world.active()), (vec![], vec![1]));
    world.rtts.insert(2, Some(ms(20)));
    world.run(ms(1_000));
    assert_eq!((world.take_events(), world.active()), (vec![switched(1, 2, SILENT)], vec![2]));
}

#[test]
fn a_route_that_goes_on_after_a_pause_is_neither_left_nor_given_up() {
    let mut world = World::with(1, &[20, 20]);
    world.run(ROUTE_PROBE_IDLE);
    world.take_events();
    world.rtts.insert(1, None);
    world.send();
    world.run(ms(1_400));
    world.rtts.insert(1, Some(ms(20)));
    world.run(ROUTE_SILENCE * 2);
    assert_eq!((world.take_events(), world.active()), (vec![], vec![1]));
}

#[test]
fn a_route_slower_than_the_usual_wait_is_not_taken_for_a_silent_one() {
    let mut world = World::with(1, &[1_900, 1_900]);
    for _ in 0..100 {
        world.send();
        world.run(ms(700));
    }
    assert_eq!(world.active(), [1]);
    assert!(world.events.iter().all(|(_, event)| !matches!(event, GroupEvent::Silent { .. })));
}

#[test]
fn data_that_comes_back_shows_that_a_route_lives_whatever_happens_to_its_probes() {
    let mut world = World::with(1, &[20, 20]);
    world.run(ROUTE_PROBE_IDLE);
    world.take_events();
    world.rtts.insert(1, None);
    for _ in 0..100 {
        world.send();
        let (now, active) = (world.now, world.group.active().unwrap());
        world.group.received(now, active, 1_000);
        world.run(ms(300));
    }
    assert_eq!((world.take_events(), world.active()), (vec![], vec![1]));
}

#[test]
fn an_idle_session_probes_seldom_a_busy_one_more_often_and_one_in_trouble_often() {
    let probes_a_minute = |world: &mut World, busy: bool| {
        world.probes = 0;
        for _ in 0..60 {
            if busy {
                world.send();
                let (now, active) = (world.now, world.group.active().unwrap());
                world.group.received(now, active, 1_000);
            }
            world.run(ms(1_000));
        }
        std::mem::take(&mut world.probes)
    };
    let mut world = World::with(1, &[20, 20]);
    world.run(ROUTE_PROBE_IDLE);
    assert_eq!(probes_a_minute(&mut world, false), 2 * 3);
    let busy = probes_a_minute(&mut world, true);
    assert!((22..=26).contains(&busy), "{busy}");
    world.rtts.insert(1, None);
    world.probes = 0;
    world.send();
    world.run(ROUTE_PROBE_ALERT * 6);
    assert!((8..=14).contains(&world.probes), "{}", world.probes);
}
