//! The setup node dies, or something is lost, at every point in turn: no rule stays.

use byway_base::{
    Code,
    limits::{ROUTE_LEASE, SETUP_TIMEOUT},
};
use byway_setup::{Outcome, Step};
use byway_wire::setup::NodeMessage;

use crate::world::{Event, Fate, Run, World, failure_code};

const LOSSES: [Fate; 3] = [Fate::Lost, Fate::Breaks, Fate::Denied];

fn events_of_a_good_run(hops: u8) -> usize {
    let mut world = World::new(hops);
    world.ask(1).finish(&mut world, |_| Fate::Arrives).1
}

#[test]
fn a_setup_node_that_dies_between_any_two_messages_leaves_no_rule_after_the_lease() {
    for hops in [1, 2, 3] {
        for dies_after in 0..=events_of_a_good_run(hops) {
            let mut world = World::new(hops);
            let mut run = world.ask(1);
            for _ in 0..dies_after {
                run.happen(&mut world, 0, Fate::Arrives);
            }
            world.advance(ROUTE_LEASE);
            assert_eq!(world.rules(), 0, "died after event {dies_after}");
        }
    }
}

#[test]
fn messages_of_a_dead_setup_node_that_arrive_late_leave_no_rule_after_the_lease() {
    for dies_after in 0..events_of_a_good_run(3) {
        let mut world = World::new(3);
        let mut run = world.ask(1);
        for _ in 0..dies_after {
            run.happen(&mut world, 0, Fate::Arrives);
        }
        world.advance(ROUTE_LEASE / 2);
        while let Some(at) = run.under_way.iter().position(|event| matches!(event, Event::Message(..))) {
            run.happen(&mut world, at, Fate::Arrives);
        }
        world.advance(ROUTE_LEASE);
        assert_eq!(world.rules(), 0, "died after event {dies_after}");
    }
}

#[test]
fn any_single_loss_or_refusal_fails_the_setup_and_undoes_everything_at_once() {
    for hops in [1, 3] {
        for unlucky in 0..events_of_a_good_run(hops) {
            for loss in LOSSES {
                let mut world = World::new(hops);
                let mut run = world.ask(1);
                let (outcome, _) =
                    run.finish(&mut world, |event| if event == unlucky { loss } else { Fate::Arrives });
                assert!(matches!(outcome, Outcome::Failed(_)), "event {unlucky} {loss:?}");
                assert_eq!(world.rules(), 0, "event {unlucky} {loss:?}");
                assert_eq!(run.saga.not_undone().count(), 0);
                world.advance(ROUTE_LEASE);
                assert_eq!(world.rules(), 0, "event {unlucky} {loss:?}, after the lease");
            }
        }
    }
}

#[test]
fn from_any_point_on_a_network_that_loses_everything_leaves_no_rule_after_the_lease() {
    for breaks_at in 0..events_of_a_good_run(3) {
        for loss in LOSSES {
            let mut world = World::new(3);
            let mut run = world.ask(1);
            let (outcome, _) =
                run.finish(&mut world, |event| if event >= breaks_at { loss } else { Fate::Arrives });
            assert!(matches!(outcome, Outcome::Failed(_)));
            world.advance(ROUTE_LEASE);
            assert_eq!(world.rules(), 0, "broke at event {breaks_at} {loss:?}");
        }
    }
}

#[test]
fn a_lost_undo_is_sent_once_more() {
    let good = events_of_a_good_run(3);
    for lost_undo in 0..8 {
        let mut world = World::new(3);
        let mut run = world.ask(1);
        let last = good - 1;
        run.finish(&mut world, |event| {
            let lost = event == last || event == good + lost_undo;
            if lost { Fate::Lost } else { Fate::Arrives }
        });
        assert_eq!(world.rules(), 0, "undo event {lost_undo}");
        assert_eq!(run.saga.not_undone().count(), 0);
    }
}

#[test]
fn silent_nodes_cannot_delay_the_answer_beyond_the_time_of_the_source() {
    for silent_from in 0..events_of_a_good_run(3) {
        let mut world = World::new(3);
        let begin = world.now;
        let mut run = world.ask(1);
        let mut event = 0;
        while run.saga.outcome().is_none() {
            if run.under_way.is_empty() {
                run.time_out(&mut world);
            } else {
                run.happen(&mut world, 0, if event < silent_from { Fate::Arrives } else { Fate::Lost });
                event += 1;
            }
        }
        assert!(world.now.saturating_since(begin) < SETUP_TIMEOUT);
        assert_eq!(failure_code(&run.saga.outcome().unwrap()), Some(Code::Timeout));
    }
}

#[test]
fn a_setup_node_that_dies_in_any_step_or_right_after_leaves_no_rule_after_the_lease() {
    for step in Step::ALL {
        for finish_step in [false, true] {
            let mut world = World::new(3);
            let mut run = world.ask(1);
            let mut events = 0;
            let reached =
                |run: &Run| if finish_step { run.saga.step() > step } else { run.saga.step() >= step };
            // The last node refuses, so that the saga goes through all of its steps.
            while !reached(&run) && !run.saga.is_finished() {
                let refused = matches!(&run.under_way[0], Event::Message(_, node, message)
                    if *node == world.destination() && matches!(**message, NodeMessage::Install { .. }));
                run.happen(&mut world, 0, if refused { Fate::Denied } else { Fate::Arrives });
                events += 1;
            }
            world.advance(ROUTE_LEASE);
            assert_eq!(world.rules(), 0, "died in {step} after {events} events");
        }
    }
}

#[test]
fn a_node_that_dies_before_or_after_any_message_leaves_no_rule_on_the_others_after_the_lease() {
    for victim in 1..=3_usize {
        for dies_after in 0..=events_of_a_good_run(3) {
            let mut world = World::new(3);
            let victim = world.secrets[victim].public();
            let mut run = world.ask(1);
            for _ in 0..dies_after {
                run.happen(&mut world, 0, Fate::Arrives);
            }
            // Its rules die with it, and so does everything that is sent to it or comes from it.
            world.restart(victim);
            while !run.saga.is_finished() {
                if run.under_way.is_empty() {
                    run.time_out(&mut world);
                    continue;
                }
                let dead = matches!(&run.under_way[0], Event::Message(_, node, _) if *node == victim);
                run.happen(&mut world, 0, if dead { Fate::Lost } else { Fate::Arrives });
            }
            let outcome = run.saga.outcome().expect("a finished saga has an outcome");
            let whole = world.tell(run.saga.route(), &outcome);
            assert!(!whole, "no packet crosses a node that is dead");
            world.fault(run.saga.route(), victim);
            world.advance(ROUTE_LEASE);
            assert_eq!(world.rules(), 0, "died after event {dies_after}");
        }
    }
}
