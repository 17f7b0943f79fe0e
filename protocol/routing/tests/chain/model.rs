//! Random runs against the simplest model of a route: a queue.

use std::collections::VecDeque;

use byway_base::limits::CREDIT_WINDOW;
use proptest::prelude::*;

use crate::world::{Installed, World};

#[derive(Debug, Clone)]
enum Action {
    Send { route: usize, back: bool, len: usize, count: usize },
    Read { route: usize, back: bool, max: usize },
    Step,
    Stall { link: usize },
    Resume,
    Probe { route: usize },
    Cut { link: usize },
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..4usize, any::<bool>(), 0..16_000usize, 1..40usize)
            .prop_map(|(route, back, len, count)| Action::Send { route, back, len, count }),
        5 => (0..4usize, any::<bool>(), 1..60usize).prop_map(|(route, back, max)| Action::Read { route, back, max }),
        8 => Just(Action::Step),
        1 => (0..4usize).prop_map(|link| Action::Stall { link }),
        2 => Just(Action::Resume),
        2 => (0..4usize).prop_map(|route| Action::Probe { route }),
        1 => (0..4usize).prop_map(|link| Action::Cut { link }),
    ]
}

/// The links of each route, in order.
const PATHS: [&[usize]; 4] = [&[0, 1, 2, 3], &[0, 1], &[1, 2, 3], &[2]];

/// What one direction of a route should still deliver.
#[derive(Default)]
struct Model {
    expected: VecDeque<(u64, usize)>,
    next: u64,
    ended: bool,
}

fn payload(number: u64, len: usize) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(8 + len.min(15_000), number as u8);
    payload
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_route_delivers_a_prefix_of_what_was_sent_in_order_once(
        actions in prop::collection::vec(action(), 1..120)
    ) {
        let mut world = World::chain(5);
        let install = |(id, links): (usize, &[usize])| world.install(id as u8, links[0], links);
        let routes: Vec<Installed> = PATHS.into_iter().enumerate().map(install).collect();
        let mut models: Vec<[Model; 2]> = routes.iter().map(|_| Default::default()).collect();
        for action in actions {
            match action {
                Action::Send { route, back, len, count } => {
                    let end = if back { routes[route].destination } else { routes[route].source };
                    let model = &mut models[route][usize::from(back)];
                    for _ in 0..count {
                        let payload = payload(model.next, len);
                        if world.send(end, &payload).is_ok() {
                            model.expected.push_back((model.next, payload.len()));
                            model.next += 1;
                        }
                    }
                }
                Action::Read { route, back, max } => {
                    let end = if back { routes[route].source } else { routes[route].destination };
                    for packet in world.read(end, max) {
                        let (number, len) = models[route][usize::from(back)].expected.pop_front().unwrap();
                        prop_assert_eq!(packet.as_ref(), payload(number, len - 8));
                    }
                }
                Action::Step => { world.step(); }
                Action::Stall { link } => world.stalled.push(link),
                Action::Resume => world.stalled.clear(),
                Action::Probe { route } => world.nodes[routes[route].source.0].send_probe(routes[route].source.1, 1),
                Action::Cut { link } if world.lost.is_empty() => {
                    world.cut(link);
                    for (links, model) in PATHS.iter().zip(&mut models) {
                        let over_it = links.contains(&link);
                        model.iter_mut().for_each(|direction| direction.ended |= over_it);
                    }
                }
                Action::Cut { .. } => {}
            }
        }
        world.stalled.clear();
        for (installed, model) in routes.iter().zip(&models) {
            for (end, direction) in [(installed.destination, &model[0]), (installed.source, &model[1])] {
                let waiting: usize = direction.expected.iter().map(|(_, len)| len).sum();
                prop_assert!(waiting <= 6 * CREDIT_WINDOW, "{} bytes wait in one route", waiting);
                if !direction.ended {
                    let mut left = direction.expected.clone();
                    for _ in 0..10_000 {
                        world.run();
                        let packets = world.read(end, 1000);
                        packets.iter().for_each(|_| { left.pop_front(); });
                        if left.is_empty() { break; }
                    }
                    prop_assert!(left.is_empty(), "{} packets never came", left.len());
                }
            }
        }
    }
}
