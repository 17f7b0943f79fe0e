//! Larger random graphs against petgraph's own searches, which run on the compact form itself.

use byway_base::{Policy, policy::Preference};
use byway_route_graph::{
    Csr, Metrics, NodeIndex, Query, Scratch, SearchError, TransportRef, find, hop_cost, metric,
};
use petgraph::{
    algo::{all_simple_paths, astar, dijkstra, ford_fulkerson, k_shortest_path},
    graph::DiGraph,
    visit::EdgeRef,
};
use proptest::prelude::*;

use crate::model::{KEYS, Network, network, preference};

const NODES: usize = 120;
/// Dear enough never to be crossed when another way exists, and recognisable when none does.
const BARRED: u64 = 1 << 50;

/// petgraph's cheapest path, under the rule that no node that refuses transit is crossed.
fn oracle(csr: &Csr, from: NodeIndex, to: NodeIndex, prefer: Preference) -> Option<(u64, usize)> {
    let cost = |source: NodeIndex, weight: &Metrics| {
        let barred = source != from && csr.refuses_transit(source);
        u64::from(hop_cost(metric(prefer), weight)) + if barred { BARRED } else { 0 }
    };
    let (total, nodes) = astar(csr, from, |node| node == to, |e| cost(e.source(), e.weight()), |_| 0)?;
    let scores = dijkstra(csr, from, Some(to), |e| cost(e.source(), e.weight()));
    assert_eq!(scores.get(&to), Some(&total));
    (total < BARRED).then_some((total, nodes.len() - 1))
}

/// The number of paths from node 0 to node 1 without a common intermediate: the flow where each node lets one path through.
fn maximum_flow(network: &Network) -> usize {
    let mut flow: DiGraph<(), u32> = DiGraph::new();
    let halves: Vec<_> = KEYS.iter().map(|_| (flow.add_node(()), flow.add_node(()))).collect();
    for (node, (inward, outward)) in halves.iter().enumerate() {
        let through = if node > 1 && network.no_transit.contains(&KEYS[node]) { 0 } else { 1 };
        flow.add_edge(*inward, *outward, through);
    }
    for transport in network.transports.iter().filter(|transport| transport.up == [true; 2]) {
        let [a, b] = transport.edges.map(|edge| KEYS.iter().position(|key| *key == edge).unwrap());
        flow.add_edge(halves[a].1, halves[b].0, 1);
        flow.add_edge(halves[b].1, halves[a].0, 1);
    }
    ford_fulkerson(&flow, halves[0].1, halves[1].0).0.try_into().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_best_path_costs_what_petgraph_says(network in network(NODES, 420), prefer in preference()) {
        let csr = network.graph().snapshot();
        let mut scratch = Scratch::new();
        for to in 1..12 {
            let (Some(a), Some(b)) = (csr.node(&KEYS[0]), csr.node(&KEYS[to])) else { continue };
            let policy = Policy { prefer, disjoint: Some(1), ..Policy::default() };
            let answer = find(&csr, &mut scratch, &Query { from: KEYS[0], to: KEYS[to], policy, k: 1 });
            match oracle(&csr, a, b, prefer) {
                None => prop_assert_eq!(answer, Err(SearchError::NoPath)),
                // petgraph knows no bound on hops.
                Some((cost, hops)) if hops <= byway_base::limits::HOPS_MAX => {
                    prop_assert_eq!(answer.unwrap()[0].cost, cost);
                }
                Some((cost, _)) => {
                    prop_assert!(answer.map_or(true, |paths| paths[0].cost >= cost));
                }
            }
        }
    }

    #[test]
    fn the_k_best_paths_are_those_that_variation_of_each_path_finds(
        network in network(40, 110),
        prefer in preference(),
        k in 2..8_usize,
    ) {
        let csr = network.graph().snapshot();
        let (Some(a), Some(b)) = (csr.node(&KEYS[0]), csr.node(&KEYS[1])) else { return Ok(()) };
        let policy = Policy { prefer, disjoint: Some(1), ..Policy::default() };
        let query = Query { from: KEYS[0], to: KEYS[1], policy, k };
        let answer = find(&csr, &mut Scratch::new(), &query).unwrap_or_default();
        let costs: Vec<u64> = answer.iter().map(|path| path.cost).collect();
        // petgraph counts walks with loops among its k best, so that its k-th is a bound and its first is exact.
        let scores = |k| {
            let cost = |edge: TransportRef<'_>| {
                let barred = edge.source() != a && csr.refuses_transit(edge.source());
                u64::from(hop_cost(metric(prefer), edge.weight())) + if barred { BARRED } else { 0 }
            };
            k_shortest_path(&*csr, a, Some(b), k, cost).get(&b).copied().filter(|cost| *cost < BARRED)
        };
        prop_assert!(costs.is_sorted());
        for (at, cost) in costs.iter().enumerate() {
            prop_assert!(scores(at + 1).is_some_and(|bound| bound <= *cost));
        }
        // A bound on the fewest hops rules one search for all paths out, so that they come by variation.
        let policy = Policy { hops_min: Some(2), ..query.policy.clone() };
        let varied = find(&csr, &mut Scratch::new(), &Query { policy, ..query }).unwrap_or_default();
        let varied: Vec<u64> = varied.iter().map(|path| path.cost).collect();
        let longer: Vec<u64> =
            answer.iter().filter(|path| path.hops.len() > 1).map(|path| path.cost).collect();
        prop_assert!(varied.starts_with(&longer), "{longer:?}, {varied:?}");
    }

    #[test]
    fn as_many_disjoint_paths_are_found_as_the_maximum_flow_allows(network in network(17, 50), prefer in preference()) {
        let csr = network.graph().snapshot();
        let policy = Policy { prefer, disjoint: Some(6), ..Policy::default() };
        let query = Query { from: KEYS[0], to: KEYS[1], policy, k: 6 };
        let found = find(&csr, &mut Scratch::new(), &query).unwrap_or_default();
        let disjoint = found.iter().filter(|path| path.disjoint_rank.is_some()).count();
        prop_assert_eq!(disjoint, maximum_flow(&network).min(6));
    }

    #[test]
    fn on_small_graphs_there_are_as_many_paths_as_petgraph_enumerates(network in network(6, 12)) {
        let mut network = network;
        network.no_transit.clear();
        let csr = network.graph().snapshot();
        let (Some(a), Some(b)) = (csr.node(&KEYS[0]), csr.node(&KEYS[1])) else { return Ok(()) };
        let walks = all_simple_paths::<Vec<_>, _, std::hash::RandomState>(&*csr, a, b, 0, None).count();
        let query = Query { from: KEYS[0], to: KEYS[1], policy: Policy::default(), k: 16 };
        let found = find(&csr, &mut Scratch::new(), &query).map_or(0, |paths| paths.len());
        prop_assert_eq!(found, walks.min(16));
    }
}
