//! Reasons for what an answer lacks.

use byway_base::Policy;
use byway_route_graph::{Constraint, Query, Reason, Scratch, explain, find};
use proptest::prelude::*;

use crate::model::{KEYS, Network, ids, kind, link, policy};

/// 0 - 2 - 1 is best, 0 - 3 - 1 is next; the direct transport 0 - 1 is down.
fn network() -> Network {
    let mut network = Network::of(vec![
        link(0, 2, 0, 10),
        link(2, 1, 0, 10),
        link(0, 3, 1, 20),
        link(3, 1, 1, 20),
        link(0, 1, 2, 5),
    ]);
    network.transports[4].up = [false, true];
    network
}

fn reasons(network: &Network, policy: Policy, k: usize) -> Vec<Reason> {
    let csr = network.graph().snapshot();
    explain(&csr, &mut Scratch::new(), &Query { from: KEYS[0], to: KEYS[1], policy, k })
}

fn excluded(reasons: &[Reason]) -> Vec<(Vec<Constraint>, u64)> {
    let pairs = reasons.iter().filter_map(|reason| match reason {
        Reason::Excluded { by, path } => Some((by.clone(), path.cost)),
        _ => None,
    });
    pairs.collect()
}

fn latency(text: &str) -> Policy {
    format!("prefer=latency disjoint=1 {text}").parse().unwrap()
}

#[test]
fn the_constraint_that_excludes_a_better_path_is_named_with_the_path() {
    let down = (vec![Constraint::Down(link(0, 1, 2, 0).id)], 5);
    let avoid = reasons(&network(), Policy { avoid: vec![KEYS[2]], ..latency("") }, 1);
    assert_eq!(excluded(&avoid), [down.clone(), (vec![Constraint::Avoid(KEYS[2])], 20)]);
    let types = reasons(&network(), latency("types=!tcp"), 1);
    assert_eq!(excluded(&types), [down.clone(), (vec![Constraint::Type(kind(0))], 20)]);
    let via = reasons(&network(), Policy { via: vec![KEYS[3]], ..latency("") }, 1);
    assert_eq!(excluded(&via), [(vec![Constraint::Via(KEYS[3])], 20)]);
    let mut refusing = network();
    refusing.no_transit.insert(KEYS[2]);
    let no_transit = reasons(&refusing, latency(""), 1);
    assert_eq!(excluded(&no_transit), [down, (vec![Constraint::NoTransit(KEYS[2])], 20)]);
}

#[test]
fn bounds_on_hops_are_named() {
    let longer = reasons(&network(), latency("hops<=1"), 1);
    assert_eq!(excluded(&longer)[1], (vec![Constraint::HopsMax(1)], 20));
    let shorter = reasons(&network(), latency("hops>=3"), 1);
    assert_eq!(excluded(&shorter), [(vec![Constraint::HopsMin(3)], 20)]);
}

#[test]
fn constraints_that_exclude_a_path_only_together_are_named_together() {
    let mut refusing = network();
    refusing.no_transit.insert(KEYS[3]);
    refusing.transports.pop();
    let reasons = reasons(&refusing, latency("types=!tcp hops>=3"), 1);
    // The path of least cost without any constraint is through node 2.
    assert_eq!(excluded(&reasons), [(vec![Constraint::HopsMin(3), Constraint::Type(kind(0))], 20)]);
    assert!(
        reasons[0].to_string().contains("at least 3 hops; the policy does not allow transports of type tcp")
    );
}

#[test]
fn the_next_path_that_was_not_asked_for_is_shown() {
    let reasons = reasons(&network(), latency(""), 1);
    let next = reasons.iter().find_map(|reason| match reason {
        Reason::Outranked { path, last_cost } => Some((path.cost, *last_cost)),
        _ => None,
    });
    assert_eq!(next, Some((40, 20)));
}

#[test]
fn missing_ends_and_dead_ends_are_told_apart() {
    let mut network = network();
    let stranger = |network: &Network, from: usize, to: usize| {
        let csr = network.graph().snapshot();
        let query = Query { from: KEYS[from], to: KEYS[to], policy: latency(""), k: 1 };
        explain(&csr, &mut Scratch::new(), &query)
    };
    assert_eq!(stranger(&network, 9, 1), [Reason::UnknownSource(KEYS[9])]);
    assert_eq!(stranger(&network, 0, 9), [Reason::UnknownDestination(KEYS[9])]);
    network.transports.push(link(4, 5, 0, 1));
    assert_eq!(stranger(&network, 0, 4), [Reason::Unconnected]);
    network.transports[5].up = [false, false];
    assert_eq!(stranger(&network, 0, 4), [Reason::NothingUp { node: KEYS[4], down: 1 }]);
    let via = reasons(&network, Policy { via: vec![KEYS[9]], ..latency("") }, 1);
    assert_eq!(via, [Reason::UnknownVia(KEYS[9])]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_named_as_excluded_is_better_and_breaks_what_it_is_said_to(
        network in crate::model::network(7, 22),
        policy in policy(7),
        k in 1..4_usize,
    ) {
        let csr = network.graph().snapshot();
        let query = Query { from: KEYS[0], to: KEYS[1], policy: policy.clone(), k };
        let found = find(&csr, &mut Scratch::new(), &query);
        // Reasons are given beside one path more, so that the next one can be shown.
        let wider = find(&csr, &mut Scratch::new(), &Query { k: k + 1, ..query.clone() }).unwrap_or_default();
        let best = wider.iter().map(|path| path.cost).min();
        let allowed = network.every_path(KEYS[0], KEYS[1], &policy);
        let reasons = explain(&csr, &mut Scratch::new(), &query);
        prop_assert!(found.is_ok() || !reasons.is_empty(), "no path, and no reason");
        for reason in &reasons {
            match reason {
                Reason::Excluded { by, path } => {
                    prop_assert!(!by.is_empty());
                    prop_assert!(allowed.iter().all(|model| model.transports != ids(path)), "{path:?} is allowed");
                    prop_assert!(best.is_none_or(|best| path.cost < best), "{path:?} is no better than {best:?}");
                    for constraint in by {
                        let inner: Vec<_> = path.intermediates().collect();
                        let breaks = match constraint {
                            Constraint::HopsMin(least) => path.hops.len() < *least,
                            Constraint::HopsMax(most) => path.hops.len() > *most,
                            Constraint::Via(key) => policy.via.contains(key),
                            Constraint::Avoid(key) => inner.contains(key) && policy.avoid.contains(key),
                            Constraint::Type(kind) => path.hops.iter().any(|hop| hop.kind == *kind),
                            Constraint::NoTransit(key) => inner.contains(key) && network.no_transit.contains(key),
                            Constraint::Down(id) => {
                                let down = network.transports.iter().any(|known| known.id == *id && known.up != [true; 2]);
                                down && path.hops.iter().any(|hop| hop.transport == *id)
                            }
                        };
                        prop_assert!(breaks, "{constraint:?} of {path:?}");
                    }
                }
                Reason::Outranked { path, last_cost } => {
                    prop_assert!(allowed.iter().any(|model| model.transports == ids(path)));
                    prop_assert!(wider.get(k - 1).is_some_and(|last| last.cost == *last_cost));
                }
                _ => {}
            }
        }
    }
}
