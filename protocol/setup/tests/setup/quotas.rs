//! What one neighbour and one source may have of a node (`security.md`, rows 5, 11).

use byway_base::{
    Code, PublicKey, RouteId,
    limits::{ROUTE_LEASE, ROUTING_ID_QUIET},
};
use byway_setup::{Outcome, Quotas, RuleBook};
use byway_wire::setup::{InitiatorTag, NodeMessage, Reply, Role};
use proptest::{collection::vec, prelude::*};

use crate::world::{Fate, World, failure_code, secret, setup_key};

const QUOTAS: Quotas =
    Quotas { rules: 1_000, rules_per_setup_node: 1_000, routes_per_peer: 4, routes_per_initiator: 2 };

/// A message about a route in the middle of a row of three nodes.
struct Middle {
    world: World,
    key: PublicKey,
}

impl Middle {
    fn new(quotas: Quotas) -> Self {
        let world = World::with_quotas(2, quotas);
        let key = world.secrets[1].public();
        Self { world, key }
    }

    /// Installs a route that comes from the neighbour `from`, 0 or 1, and is of the source `initiator`.
    fn install(&mut self, route: u8, from: usize, initiator: u8) -> Result<(), Code> {
        self.install_by(setup_key(), route, from, initiator)
    }

    fn install_by(&mut self, by: PublicKey, route: u8, from: usize, initiator: u8) -> Result<(), Code> {
        let message = self.world.install_in_the_middle(route);
        let NodeMessage::Install { route, previous, role: Role::Intermediate { next }, .. } = message else {
            unreachable!("it installs an intermediate")
        };
        let [previous, next] = if from == 0 { [previous, next] } else { [next, previous] };
        let (initiator, role) = (InitiatorTag([initiator; 16]), Role::Intermediate { next });
        let message = NodeMessage::Install { route, initiator, previous, role };
        match self.world.deliver(by, self.key, message) {
            Reply::Failed { failure } => Err(failure.code),
            _ => Ok(()),
        }
    }

    fn undo(&mut self, route: u8) {
        let message = NodeMessage::Undo { route: RouteId::from_bytes([route; 16]) };
        assert_eq!(self.world.deliver(setup_key(), self.key, message), Reply::Done {});
    }

    fn counts(&mut self) -> byway_setup::Counts {
        self.world.node(self.key).book.counts()
    }
}

#[test]
fn a_neighbour_brings_no_route_beyond_its_quota_and_others_are_not_concerned() {
    let mut middle = Middle::new(QUOTAS);
    for route in 0..4 {
        assert_eq!(middle.install(route, 0, route), Ok(()));
    }
    assert_eq!(middle.install(4, 0, 4), Err(Code::Limit));
    // What goes on to a neighbour is not that neighbour's.
    assert_eq!(middle.install(5, 1, 5), Ok(()));
    assert_eq!(middle.counts().refused_peer_quota, 1);
    // A label counts until it is forgotten.
    middle.undo(0);
    assert_eq!(middle.install(6, 0, 6), Err(Code::Limit));
    middle.world.advance(ROUTING_ID_QUIET);
    assert_eq!(middle.install(6, 0, 6), Ok(()));
}

#[test]
fn a_source_holds_no_route_beyond_its_quota_whichever_way_it_comes_and_others_are_not_concerned() {
    let mut middle = Middle::new(QUOTAS);
    assert_eq!((middle.install(0, 0, 7), middle.install(1, 1, 7)), (Ok(()), Ok(())));
    assert_eq!(middle.install(2, 0, 7), Err(Code::Limit));
    assert_eq!(middle.install(3, 0, 8), Ok(()));
    assert_eq!((middle.counts().refused_initiator_quota, middle.counts().rules), (1, 6));
}

#[test]
fn equal_tags_of_two_setup_nodes_are_two_sources() {
    let mut middle = Middle::new(QUOTAS);
    let (key, other) = (middle.key, secret(201).public());
    middle.world.node(key).book = RuleBook::new(key, [setup_key(), other], QUOTAS);
    assert_eq!((middle.install(0, 0, 7), middle.install(1, 0, 7)), (Ok(()), Ok(())));
    assert_eq!(middle.install_by(other, 2, 0, 7), Ok(()));
    assert_eq!(middle.install(3, 0, 7), Err(Code::Limit));
}

#[test]
fn a_nodes_own_routes_use_up_no_quota_of_sources_and_neighbours() {
    let none = Quotas { routes_per_peer: 0, routes_per_initiator: 0, ..QUOTAS };
    let mut world = World::new(2);
    let source = world.source();
    world.node(source).book = RuleBook::new(source, [setup_key()], none);
    let mut run = world.ask(1);
    let (outcome, _) = run.finish(&mut world, |_| Fate::Arrives);
    assert!(world.tell(run.saga.route(), &outcome));
    let middle = world.secrets[1].public();
    world.node(middle).book = RuleBook::new(middle, [setup_key()], none);
    let (outcome, _) = world.ask(2).finish(&mut world, |_| Fate::Arrives);
    assert_eq!(failure_code(&outcome), Some(Code::Limit));
    let Outcome::Failed(failure) = outcome else { unreachable!() };
    assert!(failure.why.contains(&middle.short()), "{}", failure.why);
}

#[test]
fn a_source_is_counted_the_same_on_every_route_that_a_setup_node_asks_for() {
    let mut world = World::with_quotas(3, QUOTAS);
    let outcomes: Vec<_> =
        (1..=3).map(|route| world.ask(route).finish(&mut world, |_| Fate::Arrives).0).collect();
    assert!(outcomes[..2].iter().all(|outcome| matches!(outcome, Outcome::Established { .. })));
    assert_eq!(failure_code(&outcomes[2]), Some(Code::Limit));
}

#[test]
fn a_node_without_transit_is_an_end_and_nothing_else() {
    let mut middle = Middle::new(Quotas::default());
    let key = middle.key;
    middle.world.node(key).book.set_transit(false);
    assert_eq!(middle.install(0, 0, 0), Err(Code::Limit));
    let (now, first) = (middle.world.now, middle.world.hops[1].transport);
    let node = middle.world.node(key);
    let own = node.book.ask(now, setup_key(), RouteId::from_bytes([1; 16]), first, &mut node.body);
    assert!(own.is_ok());
    assert_eq!((middle.counts().refused_transit, middle.counts().rules), (1, 1));
    middle.world.node(key).book.set_transit(true);
    assert_eq!(middle.install(0, 0, 0), Ok(()));
}

proptest! {
    /// `(0, ..)` waits, `(1, ..)` undoes, anything else installs; a plain count of what is held says what must happen.
    #[test]
    fn quotas_hold_under_any_order_and_are_whole_again_afterwards(
        steps in vec((0..6u8, 0..64u8, 0..2usize, 0..3u8), 1..200),
    ) {
        let mut middle = Middle::new(QUOTAS);
        // What is held: route, neighbour, source, and when it is forgotten.
        let mut held: Vec<(u8, usize, u8, byway_base::Moment)> = Vec::new();
        for (step, route, from, initiator) in steps {
            let now = middle.world.now;
            match step {
                0 => middle.world.advance(ROUTE_LEASE / 2),
                1 => {
                    middle.undo(route);
                    // A route that ended by itself before is quiet already.
                    let ended = |held: &&mut (u8, usize, u8, byway_base::Moment)| {
                        held.0 == route && held.3 > now + ROUTING_ID_QUIET
                    };
                    held.iter_mut().filter(ended).for_each(|held| held.3 = now + ROUTING_ID_QUIET);
                }
                _ => {
                    let replayed = held.iter().any(|held| held.0 == route);
                    let of_peer = held.iter().filter(|held| held.1 == from).count();
                    let of_source = held.iter().filter(|held| held.2 == initiator).count();
                    let expected = if replayed {
                        Err(Code::Replayed)
                    } else if of_peer >= QUOTAS.routes_per_peer || of_source >= QUOTAS.routes_per_initiator {
                        Err(Code::Limit)
                    } else {
                        Ok(())
                    };
                    prop_assert_eq!(middle.install(route, from, initiator), expected);
                    if expected.is_ok() {
                        held.push((route, from, initiator, now + ROUTE_LEASE + ROUTING_ID_QUIET));
                    }
                }
            }
            let now = middle.world.now;
            held.retain(|held| held.3 > now);
        }
        middle.world.advance(ROUTE_LEASE);
        middle.world.advance(ROUTING_ID_QUIET);
        prop_assert_eq!(middle.counts().rules, 0);
        for route in 100..104 {
            prop_assert_eq!(middle.install(route, 0, route), Ok(()));
        }
    }
}
