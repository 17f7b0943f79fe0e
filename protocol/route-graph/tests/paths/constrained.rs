//! Every answer on small graphs is held against all paths that there are.

use std::collections::BTreeSet;

use byway_base::{Policy, PublicKey, policy::Preference};
use byway_route_graph::{FoundPath, Query, Scratch, SearchError, find};
use proptest::prelude::*;

use crate::model::{KEYS, ModelPath, Network, ids, link, most_disjoint, network, policy};

const NODES: usize = 7;

fn check_each(paths: &[FoundPath], all: &[ModelPath], query: &Query) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    for path in paths {
        let same = all.iter().find(|model| model.transports == ids(path));
        prop_assert!(same.is_some(), "a path that is not allowed: {:?}", path);
        prop_assert_eq!(same.map(|model| model.cost), Some(path.cost));
        prop_assert!(seen.insert(ids(path)), "a path twice");
        prop_assert!(path.proven);
        prop_assert_eq!((path.hops[0].from, path.hops[path.hops.len() - 1].to), (query.from, query.to));
        prop_assert!(path.hops.windows(2).all(|pair| pair[0].to == pair[1].from));
    }
    Ok(())
}

fn check_disjoint(disjoint: &[FoundPath], all: &[ModelPath], query: &Query) -> Result<(), TestCaseError> {
    let mut used: BTreeSet<PublicKey> = BTreeSet::new();
    for (rank, path) in disjoint.iter().enumerate() {
        prop_assert_eq!(path.disjoint_rank, Some(rank));
        for key in path.intermediates().filter(|key| !query.policy.via.contains(key)) {
            prop_assert!(used.insert(key), "two paths share {:?}", key);
        }
    }
    prop_assert!(disjoint.windows(2).all(|pair| pair[0].cost <= pair[1].cost));
    let policy = &query.policy;
    let wanted = policy.routes_wanted().min(query.k);
    prop_assert!(disjoint.len() <= wanted);
    if policy.hops_least() <= 2 && policy.hops_most() >= NODES && policy.via.is_empty() {
        prop_assert_eq!(disjoint.len(), most_disjoint(all, wanted));
    }
    Ok(())
}

fn check(network: &Network, query: &Query) -> Result<(), TestCaseError> {
    let csr = network.graph().snapshot();
    let answer = find(&csr, &mut Scratch::new(), query);
    if matches!(answer, Err(SearchError::BadPolicy(_))) {
        return Ok(());
    }
    if !network.knows(&query.from) {
        prop_assert_eq!(answer, Err(SearchError::UnknownSource(query.from)));
        return Ok(());
    }
    if !network.knows(&query.to) {
        prop_assert_eq!(answer, Err(SearchError::UnknownDestination(query.to)));
        return Ok(());
    }
    let all = network.every_path(query.from, query.to, &query.policy);
    if all.is_empty() {
        prop_assert_eq!(answer, Err(SearchError::NoPath));
        return Ok(());
    }
    let paths = answer.map_err(|error| TestCaseError::fail(format!("{error}; {all:?}")))?;
    prop_assert_eq!(paths.len(), query.k.min(all.len()));
    check_each(&paths, &all, query)?;
    let (disjoint, others) =
        paths.split_at(paths.iter().take_while(|path| path.disjoint_rank.is_some()).count());
    check_disjoint(disjoint, &all, query)?;
    if disjoint.len() == 1 {
        prop_assert_eq!(disjoint[0].cost, all[0].cost);
    }
    // The others are the best of what is left.
    let first: BTreeSet<_> = disjoint.iter().map(ids).collect();
    let left = all.iter().filter(|model| !first.contains(&model.transports));
    let best: Vec<u64> = left.map(|model| model.cost).take(others.len()).collect();
    prop_assert_eq!(others.iter().map(|path| path.cost).collect::<Vec<_>>(), best);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn answers_under_any_policy_are_the_best_of_all_paths(
        network in network(NODES, 22),
        policy in policy(NODES),
        k in 1..7_usize,
    ) {
        check(&network, &Query { from: KEYS[0], to: KEYS[1], policy, k })?;
    }

    #[test]
    fn answers_without_constraints_are_the_best_of_all_paths(
        network in network(NODES, 22),
        prefer in crate::model::preference(),
        disjoint in 1..4_u8,
        k in 1..10_usize,
    ) {
        let policy = Policy { prefer, disjoint: Some(disjoint), ..Policy::default() };
        check(&network, &Query { from: KEYS[0], to: KEYS[1], policy, k })?;
    }

    #[test]
    fn paths_through_chosen_nodes_are_the_best_of_those(
        network in network(NODES + 1, 26),
        via in prop::sample::subsequence((2..=NODES).collect::<Vec<_>>(), 1..4).prop_shuffle(),
        prefer in crate::model::preference(),
        hops_min in prop::option::of(3..6_u8),
        k in 1..4_usize,
    ) {
        let via = via.into_iter().map(|node| KEYS[node]).collect();
        let policy = Policy { prefer, via, hops_min, disjoint: Some(1), ..Policy::default() };
        check(&network, &Query { from: KEYS[0], to: KEYS[1], policy, k })?;
    }

    #[test]
    fn weighted_paths_within_few_hops_are_the_best_of_those(
        network in network(NODES, 22),
        prefer in crate::model::preference(),
        hops_max in 1..5_u8,
        k in 1..7_usize,
    ) {
        let policy = Policy { prefer, hops_max: Some(hops_max), disjoint: Some(1), ..Policy::default() };
        check(&network, &Query { from: KEYS[0], to: KEYS[1], policy, k })?;
    }

    #[test]
    fn answers_depend_neither_on_history_nor_on_used_scratch(
        (network, shuffled) in network(NODES, 22).prop_flat_map(|network| {
            let transports = Just(network.transports.clone()).prop_shuffle();
            (Just(network), transports)
        }),
        policies in prop::collection::vec(policy(NODES), 1..4),
    ) {
        let (one, other) = (network.graph().snapshot(), Network { transports: shuffled, ..network }.graph().snapshot());
        let mut used = Scratch::new();
        for policy in policies {
            let query = Query { from: KEYS[0], to: KEYS[1], policy, k: 6 };
            prop_assert_eq!(find(&one, &mut Scratch::new(), &query), find(&other, &mut used, &query));
        }
    }
}

fn ring_with_dear_shortcut() -> Network {
    // 20 cheap hops from node 0 to node 20; or 0 - 21 - 20, dear.
    let mut transports: Vec<_> = (0..20).map(|node| link(node, node + 1, 0, 10)).collect();
    transports.extend([link(0, 21, 0, 50_000), link(21, 20, 0, 50_000)]);
    Network::of(transports)
}

#[test]
fn no_path_is_longer_than_the_network_allows_however_cheap() {
    let csr = ring_with_dear_shortcut().graph().snapshot();
    let policy: Policy = "prefer=latency".parse().unwrap();
    let query = Query { from: KEYS[0], to: KEYS[20], policy, k: 3 };
    let paths = find(&csr, &mut Scratch::new(), &query).unwrap();
    assert_eq!(paths.iter().map(|path| path.hops.len()).collect::<Vec<_>>(), [2]);
}

#[test]
fn two_disjoint_paths_are_found_where_the_best_path_bars_them() {
    // The best path 0-2-3-1 uses both nodes that the only disjoint pair 0-2-5-1 and 0-4-3-1 needs.
    let dear = [(0, 4), (4, 3), (2, 5), (5, 1)].map(|(a, b)| link(a, b, 0, 10_000));
    let cheap = [(0, 2), (2, 3), (3, 1)].map(|(a, b)| link(a, b, 0, 1_000));
    let csr = Network::of([&dear[..], &cheap[..]].concat()).graph().snapshot();
    let policy: Policy = "disjoint=2 prefer=latency".parse().unwrap();
    let query = Query { from: KEYS[0], to: KEYS[1], policy, k: 3 };
    let paths = find(&csr, &mut Scratch::new(), &query).unwrap();
    let ranks: Vec<_> = paths.iter().map(|path| (path.disjoint_rank, path.cost)).collect();
    assert_eq!(ranks, [(Some(0), 21_000 + 1_000 - 1_000), (Some(1), 21_000), (None, 3_000)]);
}

#[test]
fn a_long_detour_through_a_dense_network_is_found_within_bounds() {
    let mut transports = Vec::new();
    for a in 0..30 {
        for b in 0..a {
            transports.push(link(a, b, 0, 1_000 + u32::try_from((a * 31 + b * 17) % 97).unwrap() * 100));
        }
    }
    let csr = Network::of(transports).graph().snapshot();
    let policy: Policy = "hops=13 prefer=latency disjoint=1".parse().unwrap();
    let via = Policy { via: vec![KEYS[9], KEYS[4]], ..policy.clone() };
    for policy in [policy, via] {
        let query = Query { from: KEYS[0], to: KEYS[1], policy, k: 2 };
        let paths = find(&csr, &mut Scratch::new(), &query).unwrap();
        assert_eq!(paths.len(), 2);
        for path in paths {
            let nodes: BTreeSet<_> = path.intermediates().collect();
            assert_eq!((path.hops.len(), nodes.len()), (13, 12));
            assert!(query.policy.via.iter().all(|key| nodes.contains(key)));
        }
    }
}

#[test]
fn that_no_path_is_long_enough_is_known_for_sure_in_a_small_network() {
    let csr = ring_with_dear_shortcut().graph().snapshot();
    let policy = Policy { prefer: Preference::Hops, hops_min: Some(9), ..Policy::default() };
    let query = Query { from: KEYS[0], to: KEYS[19], policy, k: 1 };
    // The ways round have 3 and 19 hops, the bound on hops is between them.
    assert_eq!(find(&csr, &mut Scratch::new(), &query), Err(SearchError::NoPath));
}

#[test]
fn a_search_that_would_look_at_too_much_says_so_instead_of_no_path() {
    // Each node of one half is connected to each of the other; so paths from half to half have an odd number of hops.
    let pairs = (0..15).flat_map(|a| (15..30).map(move |b| link(a, b, 0, 1_000)));
    let csr = Network::of(pairs.collect()).graph().snapshot();
    let ask = |hops| {
        let policy = Policy { hops_min: Some(hops), hops_max: Some(hops), ..Policy::default() };
        find(&csr, &mut Scratch::new(), &Query { from: KEYS[0], to: KEYS[15], policy, k: 1 })
    };
    assert_eq!(ask(13).unwrap()[0].hops.len(), 13);
    assert!(matches!(ask(14), Err(SearchError::Bounded { .. })));
}

#[test]
fn contradictory_policies_are_named() {
    let csr = ring_with_dear_shortcut().graph().snapshot();
    let ask = |to: usize, policy: Policy| {
        find(&csr, &mut Scratch::new(), &Query { from: KEYS[0], to: KEYS[to], policy, k: 1 })
    };
    let bad = |policy| matches!(ask(5, policy), Err(SearchError::BadPolicy(_)));
    assert!(matches!(ask(0, Policy::default()), Err(SearchError::BadPolicy(_))));
    assert!(bad(Policy { hops_min: Some(4), hops_max: Some(3), ..Policy::default() }));
    assert!(bad(Policy { via: vec![KEYS[5]], ..Policy::default() }));
    assert!(bad(Policy { via: vec![KEYS[3], KEYS[3]], ..Policy::default() }));
    assert!(bad(Policy { via: vec![KEYS[3]], avoid: vec![KEYS[3]], ..Policy::default() }));
    assert!(bad(Policy { via: vec![KEYS[3]], hops_max: Some(1), ..Policy::default() }));
    assert_eq!(ask(5, Policy { via: vec![KEYS[300]], ..Policy::default() }), Err(SearchError::NoPath));
}
