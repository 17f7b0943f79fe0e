//! Which pairs of NATs the peers get past, stated cell by cell.

use std::time::Duration;

use byway_traversal::{Attempt, Failure, Half, Mapping, Offer, Role, Secret};

use crate::{
    nat::Kind::{self, AddressRestricted, Blocked, FullCone, Open, PortRestricted, Symmetric},
    world::{CALM, Weather, World},
};

const KINDS: [Kind; 6] = [Open, FullCone, AddressRestricted, PortRestricted, Symmetric, Blocked];

/// Whether peers behind these NATs reach each other without a relay: a row for the one, a column for the other.
#[rustfmt::skip]
const DIRECT: [[bool; 6]; 6] = [
    // Open  FullCone  AddressRestricted  PortRestricted  Symmetric  Blocked
    [true,   true,     true,              true,           true,      false], // Open
    [true,   true,     true,              true,           true,      false], // FullCone
    [true,   true,     true,              true,           true,      false], // AddressRestricted
    [true,   true,     true,              true,           false,     false], // PortRestricted
    [true,   true,     true,              false,          false,     false], // Symmetric
    [false,  false,    false,             false,          false,     false], // Blocked
];

/// Attempts per cell and initiator.
const SEEDS: u64 = 200;

/// What came of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Both agree on a way that carries datagrams from one to the other.
    Direct,
    /// None, and what the initiator and the responder say why.
    Relayed(Failure, Failure),
    /// The initiator has a way that works and the responder does not know: its last answers were lost.
    HalfDirect,
}

/// Two hosts survey their networks, exchange offers, and attempt. The first is the initiator.
pub(crate) fn attempt(world: &mut World, initiator: usize, responder: usize) -> Outcome {
    let offers = [initiator, responder].map(|host| world.survey(host));
    attempt_with(world, [initiator, responder], &offers)
}

pub(crate) fn attempt_with(world: &mut World, hosts: [usize; 2], offers: &[Offer; 2]) -> Outcome {
    let secret = Secret::new(Half(world.dice.half()), Half(world.dice.half()));
    // The initiator learns of it when the answer has arrived over messaging.
    let starts = [world.now + Duration::from_millis(world.dice.below(800)), world.now];
    let mut make = |role, own: usize| {
        let seed = world.dice.next();
        Attempt::new(&offers[own], &offers[1 - own], &secret, role, seed, starts[own])
    };
    let (mut first, mut second) = (make(Role::Initiator, 0), make(Role::Responder, 1));
    world.run(&mut [(hosts[0], starts[0], &mut first), (hosts[1], starts[1], &mut second)]);
    assert!(first.is_over() && second.is_over());
    match (first.outcome().unwrap(), second.outcome().unwrap()) {
        (Ok(way), there) => {
            let (reached, back) = world.probe(hosts[0], way).expect("what the initiator dials arrives");
            assert_eq!(reached, hosts[1]);
            assert_eq!(world.probe(hosts[1], back), Some((hosts[0], way)), "so do the answers");
            if there == Ok(back) { Outcome::Direct } else { Outcome::HalfDirect }
        }
        (Err(here), Err(there)) => Outcome::Relayed(here, there),
        (Err(here), Ok(_)) => Outcome::Relayed(here, here),
    }
}

fn cell(kinds: [Kind; 2], weather: Weather, seed: u64) -> Outcome {
    let mut world = World::new(weather, seed);
    let [first, second] = kinds.map(|kind| {
        let site = world.site(kind);
        world.host(site)
    });
    attempt(&mut world, first, second)
}

/// Why a pair is relayed, as the first of them says.
fn reason([here, there]: [Kind; 2]) -> Failure {
    match (here, there) {
        (Blocked, _) => Failure::BlockedHere,
        (_, Blocked) => Failure::BlockedThere,
        (Symmetric, Symmetric) => Failure::SymmetricBoth,
        (Symmetric, _) => Failure::SymmetricHere,
        (_, Symmetric) => Failure::SymmetricThere,
        other => panic!("{other:?} are not relayed"),
    }
}

/// Runs a row of the table.
fn row(at: usize) {
    for (to, direct) in DIRECT[at].into_iter().enumerate() {
        let kinds = [KINDS[at], KINDS[to]];
        let expected = if direct {
            Outcome::Direct
        } else {
            Outcome::Relayed(reason(kinds), reason([kinds[1], kinds[0]]))
        };
        for seed in 0..SEEDS {
            assert_eq!(cell(kinds, CALM, seed), expected, "{kinds:?}, seed {seed}");
        }
    }
}

#[test]
fn the_matrix_is_the_same_whoever_is_the_initiator() {
    for (row, columns) in DIRECT.iter().enumerate() {
        for (column, direct) in columns.iter().enumerate() {
            assert_eq!(*direct, DIRECT[column][row]);
        }
    }
}

macro_rules! rows {
    ($($test:ident: $at:literal;)+) => { $(
        #[test]
        fn $test() {
            row($at);
        }
    )+ };
}
rows! {
    an_open_host_reaches_all_that_have_udp: 0;
    a_host_behind_a_full_cone_reaches_all_that_have_udp: 1;
    a_host_behind_an_address_restricted_nat_reaches_all_that_have_udp: 2;
    a_host_behind_a_port_restricted_nat_reaches_all_but_symmetric_ones: 3;
    a_host_behind_a_symmetric_nat_reaches_all_that_admit_unknown_ports: 4;
    a_host_without_udp_reaches_nobody: 5;
}

#[test]
fn peers_that_lose_a_fifth_of_all_datagrams_still_find_each_other() {
    let weather = Weather { loss: 20, twice: 10, delay_ms: 200 };
    let pairs =
        [[PortRestricted, PortRestricted], [Symmetric, AddressRestricted], [AddressRestricted, Symmetric]];
    let outcomes = pairs.into_iter().flat_map(|kinds| (0..100).map(move |seed| cell(kinds, weather, seed)));
    let missed = outcomes.filter(|outcome| *outcome != Outcome::Direct).count();
    assert!(missed <= 3, "{missed} of 300");
}

#[test]
fn what_the_survey_says_of_each_kind_is_what_it_is() {
    for (kind, mapping) in [
        (Open, Mapping::Open),
        (FullCone, Mapping::Independent),
        (AddressRestricted, Mapping::Independent),
        (PortRestricted, Mapping::Independent),
        (Symmetric, Mapping::Dependent),
        (Blocked, Mapping::Blocked),
    ] {
        let mut world = World::new(CALM, 1);
        let site = world.site(kind);
        let host = world.host(site);
        assert_eq!(world.survey(host).mapping, mapping, "{kind:?}");
    }
}
