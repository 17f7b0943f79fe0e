//! Where a destination answers.

use byway_base::Moment;

use super::{
    super::{GroupRole, RouteGroup},
    world::{FAULT, key, ms, route},
};

fn group(routes: u8) -> RouteGroup {
    let mut group = RouteGroup::new(GroupRole::Destination, 1);
    (1..=routes).for_each(|number| group.add(Moment::ZERO, route(number), key(number), 0));
    group
}

fn active(group: &RouteGroup) -> Vec<u8> {
    group.carriers().map(|key| key.index as u8).collect()
}

/// Data comes over these routes, 10 ms apart, from `begin` on.
fn arrive(group: &mut RouteGroup, begin: u64, routes: &[u8]) {
    for (number, at) in routes.iter().zip(0..) {
        group.received(Moment::ZERO + ms(begin + 10 * at), key(*number), 1_000);
    }
}

#[test]
fn the_answer_goes_where_data_came_last() {
    let mut group = group(2);
    assert_eq!(active(&group), [1]);
    arrive(&mut group, 0, &[1, 1, 1, 2]);
    assert_eq!(active(&group), [2], "a source that switched does not come back");
    arrive(&mut group, 40, &[2, 2]);
    assert_eq!(active(&group), [2]);
}

#[test]
fn the_answer_goes_over_all_routes_between_which_the_source_changes() {
    let mut group = group(3);
    arrive(&mut group, 0, &[1, 2, 1, 2]);
    assert_eq!(active(&group), [1, 2]);
    arrive(&mut group, 40, &[3, 1, 2, 3]);
    assert_eq!(active(&group), [1, 2, 3]);
}

#[test]
fn a_route_that_the_source_no_longer_uses_is_left_after_a_while() {
    let mut group = group(2);
    arrive(&mut group, 0, &[1, 2, 1, 2]);
    arrive(&mut group, 500, &[2, 2, 2]);
    assert_eq!(active(&group), [1, 2]);
    arrive(&mut group, 2_000, &[2]);
    assert_eq!(active(&group), [2]);
}

#[test]
fn a_destination_answers_over_what_is_left_and_never_over_a_route_that_ended() {
    let mut group = group(3);
    arrive(&mut group, 0, &[1, 3, 2]);
    group.route_ended(key(2), FAULT);
    assert_eq!(active(&group), [3], "data came there last");
    group.route_ended(key(3), FAULT);
    group.route_ended(key(1), FAULT);
    assert_eq!((active(&group), group.len()), (vec![], 0));
}

#[test]
fn a_destination_neither_probes_nor_gathers_events() {
    let mut group = group(2);
    for turn in 0..1_000 {
        arrive(&mut group, turn * 20, &[1, 2]);
    }
    assert_eq!((group.poll_timeout(), group.pop_event()), (None, None));
    assert!(group.poll_probes(Moment::ZERO + ms(100_000)).is_empty());
}
