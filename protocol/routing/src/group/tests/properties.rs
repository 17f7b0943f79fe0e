//! What holds of every group, whatever happens to it.

use std::{collections::BTreeSet, time::Duration};

use byway_base::{RouteId, limits::ROUTE_HOLD};
use byway_wire::Reason;
use proptest::prelude::*;

use super::{
    super::GroupEvent,
    world::{FAULT, World, key, ms, route},
};

#[derive(Debug, Clone)]
enum Action {
    Add { rtt_ms: u64 },
    End { which: usize },
    Change { which: usize, rtt_ms: Option<u64> },
    Send,
    Receive { which: usize },
    Prefer { which: usize, over: usize },
    Run { ms: u64 },
}

fn action() -> impl Strategy<Value = Action> {
    let rtt = || prop_oneof![2..40_u64, 100..900_u64];
    prop_oneof![
        2 => rtt().prop_map(|rtt_ms| Action::Add { rtt_ms }),
        1 => (0..8_usize).prop_map(|which| Action::End { which }),
        3 => (0..8_usize, prop::option::weighted(0.8, rtt()))
            .prop_map(|(which, rtt_ms)| Action::Change { which, rtt_ms }),
        3 => Just(Action::Send),
        2 => (0..8_usize).prop_map(|which| Action::Receive { which }),
        2 => (0..8_usize, 0..8_usize).prop_map(|(which, over)| Action::Prefer { which, over }),
        4 => prop_oneof![1..800_u64, 1_000..40_000_u64].prop_map(|ms| Action::Run { ms }),
    ]
}

/// What the events alone say.
#[derive(Default)]
struct Model {
    members: BTreeSet<RouteId>,
    active: BTreeSet<RouteId>,
    degraded: Option<byway_base::Moment>,
}

impl Model {
    fn apply(&mut self, at: byway_base::Moment, event: GroupEvent) -> Result<(), TestCaseError> {
        match event {
            GroupEvent::Switched { from, to, cause } => {
                prop_assert_eq!(from.is_some(), cause.is_some());
                prop_assert_eq!(
                    from.is_none(),
                    self.active.is_empty(),
                    "only a session without a route begins anew"
                );
                prop_assert!(from.is_none_or(|from| self.active.remove(&from)), "an active route is left");
                prop_assert!(self.members.contains(&to) && self.active.insert(to), "a spare takes over");
                if cause.is_some_and(|cause| cause.reason == Reason::Degraded) {
                    prop_assert!(self.degraded.is_none_or(|last| at - last >= ROUTE_HOLD), "flapping");
                    self.degraded = Some(at);
                }
            }
            GroupEvent::Joined { route } => {
                prop_assert!(
                    !self.active.is_empty() && self.members.contains(&route) && self.active.insert(route)
                );
            }
            GroupEvent::Left { route, .. } => {
                prop_assert!(self.active.remove(&route) && !self.active.is_empty());
            }
            GroupEvent::Broken { route, .. } => {
                prop_assert!(self.active.remove(&route) && self.active.is_empty());
            }
            GroupEvent::SpareReady { route } => prop_assert!(!self.active.contains(&route)),
            GroupEvent::SpareLost { route, .. } => prop_assert!(!self.active.contains(&route)),
            GroupEvent::Silent { route } => prop_assert!(self.members.contains(&route)),
        }
        Ok(())
    }
}

/// The routes there are, by number.
fn pick(world: &World, which: usize) -> Option<u8> {
    world.rtts.keys().copied().nth(which % world.rtts.len().max(1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_active_routes_are_members_as_many_as_may_be_and_events_tell_every_change(
        stripes in 1..4_usize,
        actions in prop::collection::vec(action(), 1..80),
    ) {
        let (mut world, mut model, mut next) = (World::new(stripes), Model::default(), 1);
        for action in actions {
            match action {
                Action::Add { rtt_ms } => {
                    model.members.insert(route(next));
                    world.add(next, Some(ms(rtt_ms)));
                    next += 1;
                }
                Action::End { which } => if let Some(number) = pick(&world, which) { world.end(number, FAULT) },
                Action::Change { which, rtt_ms } => if let Some(number) = pick(&world, which) {
                    world.rtts.insert(number, rtt_ms.map(ms));
                },
                Action::Send => world.send(),
                Action::Receive { which } => if let Some(number) = pick(&world, which) {
                    world.group.received(world.now, key(number), 500);
                },
                Action::Prefer { which, over } => if let Some(pair) = pick(&world, which).zip(pick(&world, over)) {
                    world.prefer(pair.0, pair.1);
                },
                Action::Run { ms: time } => world.run(Duration::from_millis(time)),
            }
            for (at, event) in std::mem::take(&mut world.events) {
                model.apply(at, event)?;
            }
            let members: BTreeSet<RouteId> = world.rtts.keys().map(|number| route(*number)).collect();
            let active: BTreeSet<RouteId> = world.active().into_iter().map(route).collect();
            model.members.clone_from(&members);
            prop_assert_eq!(&active, &model.active);
            prop_assert!(active.is_subset(&members) && active.len() <= stripes);
            prop_assert_eq!(active.is_empty(), members.is_empty());
            prop_assert_eq!(world.group.len(), members.len());
            prop_assert!(world.group.choose(world.now, 1_000, |_| Some(0)).all(|key| world.group.carriers().any(|c| c == key)));
        }
    }

    #[test]
    fn the_end_of_an_active_route_is_a_switch_a_leaving_or_the_end_of_all(
        stripes in 1..4_usize,
        routes in 1..6_u8,
        order in prop::collection::vec(0..8_usize, 1..6),
    ) {
        let mut world = World::new(stripes);
        (1..=routes).for_each(|number| world.add(number, Some(ms(20))));
        world.run(ms(1_000));
        world.events.clear();
        for which in order {
            let Some(number) = pick(&world, which) else { break };
            let (active, last) = (world.active().contains(&number), world.group.len() == 1);
            world.end(number, FAULT);
            let gone = route(number);
            let told = |event: &GroupEvent| match *event {
                GroupEvent::Switched { from, cause, .. } => active && from == Some(gone) && cause == Some(FAULT),
                GroupEvent::Left { route, cause } => active && !last && (route, cause) == (gone, FAULT),
                GroupEvent::Broken { route, cause } => last && (route, cause) == (gone, FAULT),
                GroupEvent::SpareLost { route, cause } => !active && (route, cause) == (gone, FAULT),
                _ => false,
            };
            let events: Vec<GroupEvent> = world.take_events();
            prop_assert_eq!(events.len(), 1);
            prop_assert!(told(&events[0]), "{:?}", events);
        }
    }

    #[test]
    fn a_session_with_a_route_always_has_one_to_wait_for(
        delays_ms in prop::collection::vec(1..300_u64, 1..5),
        sends in prop::collection::vec((0..60_u64, prop::collection::vec(0..600_000_usize, 5), any::<bool>()), 1..80),
    ) {
        let mut world = World::with(delays_ms.len(), &delays_ms);
        world.run(ms(1_000));
        for (pause_ms, backlogs, taken) in sends {
            world.now = world.now + ms(pause_ms);
            let choice = world.group.choose(world.now, 16_000, |key| Some(backlogs[key.index as usize - 1]));
            let offered: Vec<_> = choice.collect();
            prop_assert!(!offered.is_empty());
            if taken { world.group.sent(offered[0], 16_000); }
        }
    }

    #[test]
    fn a_route_is_given_up_only_after_long_silence(quiet_ms in 0..40_000_u64, busy in any::<bool>()) {
        let mut world = World::with(1, &[30]);
        world.run(ms(21_000));
        world.rtts.insert(1, None);
        if busy { world.send(); }
        world.run(ms(quiet_ms));
        let silent = |event: &GroupEvent| matches!(event, GroupEvent::Silent { .. });
        let given_up = world.take_events().iter().any(silent);
        prop_assert!(given_up || quiet_ms < 37_000, "an idle route is probed every 20 s and given up 15 s later");
        prop_assert!(!given_up || quiet_ms >= 14_500);
        prop_assert_eq!(given_up, world.group.is_empty());
    }
}
