//! Random orders, losses and pauses.

use std::time::Duration;

use byway_base::{
    PublicKey,
    limits::{ROUTE_LEASE, SETUP_TIMEOUT},
};
use byway_setup::Outcome;
use byway_wire::setup::NodeMessage;
use proptest::prelude::*;

use crate::{
    established::walk,
    world::{Event, Fate, World},
};

#[derive(Debug, Clone)]
enum Turn {
    /// The n-th thing under way happens.
    Happens(usize, Fate),
    Pause(u64),
}

fn turn() -> impl Strategy<Value = Turn> {
    let fate = prop_oneof![
        20 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Breaks),
        1 => Just(Fate::Denied),
    ];
    prop_oneof![
        8 => (any::<usize>(), fate).prop_map(|(n, fate)| Turn::Happens(n, fate)),
        1 => (0_u64..2_000).prop_map(Turn::Pause),
    ]
}

/// No undo was sent to a node while the saga waited for that node.
fn waits_for(under_way: &[Event], node: PublicKey) -> usize {
    under_way.iter().filter(|event| matches!(event, Event::Message(_, to, _) if *to == node)).count()
}

proptest! {
    #[test]
    fn in_any_order_with_any_losses_a_route_is_whole_or_gone(
        hops in 1_u8..6,
        turns in prop::collection::vec(turn(), 0..120),
    ) {
        let mut world = World::new(hops);
        let begin = world.now;
        let mut run = world.ask(1);
        for turn in turns {
            if matches!(run.saga.outcome(), Some(Outcome::Established { .. })) {
                break;
            }
            match turn {
                Turn::Pause(ms) => {
                    let later = world.now + Duration::from_millis(ms);
                    run.wait_until(&mut world, later);
                }
                Turn::Happens(n, fate) if !run.under_way.is_empty() => {
                    let index = n % run.under_way.len();
                    run.happen(&mut world, index, fate);
                }
                Turn::Happens(..) => run.time_out(&mut world),
            }
        }
        let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
        match outcome {
            Outcome::Established { .. } => {
                let nodes = usize::from(hops) + 1;
                prop_assert!(world.now.saturating_since(begin) < SETUP_TIMEOUT);
                prop_assert!(world.tell(run.saga.route(), &outcome));
                prop_assert_eq!(world.rules(), nodes);
                prop_assert_eq!(walk(&world, run.saga.route(), true), nodes);
                prop_assert_eq!(walk(&world, run.saga.route(), false), nodes);
            }
            Outcome::Failed(_) => {
                // What is still under way arrives late, after the undo.
                while !run.under_way.is_empty() {
                    run.happen(&mut world, 0, Fate::Arrives);
                }
                world.advance(ROUTE_LEASE);
                prop_assert_eq!(world.rules(), 0);
            }
        }
    }

    #[test]
    fn an_undo_never_overtakes_another_message_that_the_saga_still_waits_for(
        turns in prop::collection::vec(turn(), 0..80),
    ) {
        let mut world = World::new(3);
        let mut run = world.ask(1);
        for turn in turns {
            let Turn::Happens(n, fate) = turn else { continue };
            if fate == Fate::Lost || run.under_way.is_empty() {
                continue;
            }
            let index = n % run.under_way.len();
            run.happen(&mut world, index, fate);
            for (node, message) in &run.sent {
                if matches!(message, NodeMessage::Undo { .. }) {
                    prop_assert!(waits_for(&run.under_way, *node) <= 1);
                }
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_messages(turns in prop::collection::vec(any::<usize>(), 0..60)) {
        let sent = || {
            let mut world = World::new(4);
            let mut run = world.ask(1);
            for n in &turns {
                if !run.under_way.is_empty() {
                    let index = n % run.under_way.len();
                    run.happen(&mut world, index, Fate::Arrives);
                }
            }
            run.sent
        };
        prop_assert_eq!(sent(), sent());
    }
}
