//! Searches of the route finder, beside petgraph's on the same network.

use std::hint::black_box;

use byway_base::{Policy, policy::Preference};
use byway_route_graph::{Csr, Query, Scratch, find, hop_cost, metric};
use petgraph::{
    algo::{bidirectional_dijkstra, k_shortest_path},
    graph::{NodeIndex, UnGraph},
};

use super::{Extent, clock::ThreadTime, model::Model};
use crate::{stats::percentile, target::Line};

/// One sort of query.
struct Row {
    what: &'static str,
    prefer: Preference,
    k: usize,
    disjoint: u8,
    /// For networks of each size, by ascending size.
    targets: [(f64, f64); 3],
}

/// Seed of the pairs that paths are asked for between.
const PAIRS: u64 = 7;

const HOPS: [(f64, f64); 3] = [(3.0, 1.5), (20.0, 11.0), (200.0, 120.0)];
const WEIGHTED: [(f64, f64); 3] = [(40.0, 25.0), (300.0, 180.0), (3_000.0, 1_900.0)];
const BEST: [(f64, f64); 3] = [(30.0, 18.0), (250.0, 130.0), (3_000.0, 1_700.0)];
const DISJOINT: [(f64, f64); 3] = [(10.0, 6.0), (70.0, 40.0), (800.0, 450.0)];

const ROWS: [Row; 6] = [
    Row { what: "path by hops", prefer: Preference::Hops, k: 1, disjoint: 1, targets: HOPS },
    Row { what: "path, balanced", prefer: Preference::Balanced, k: 1, disjoint: 1, targets: WEIGHTED },
    Row { what: "3 best by hops", prefer: Preference::Hops, k: 3, disjoint: 1, targets: BEST },
    Row { what: "3 best, balanced", prefer: Preference::Balanced, k: 3, disjoint: 1, targets: BEST },
    Row { what: "3 disjoint by hops", prefer: Preference::Hops, k: 3, disjoint: 3, targets: DISJOINT },
    Row { what: "3 disjoint, balanced", prefer: Preference::Balanced, k: 3, disjoint: 3, targets: DISJOINT },
];

/// Microseconds of processor time of a query, all sorts in turn. `size` is the network's place among the sizes.
pub(super) fn measure(model: &Model, csr: &Csr, name: &str, size: usize, extent: Extent) -> Vec<Line> {
    let mut scratch = Scratch::new();
    let mut lines = Vec::new();
    for row in &ROWS {
        let policy = Policy { prefer: row.prefer, disjoint: Some(row.disjoint), ..Policy::default() };
        let mut times = Vec::new();
        // The first ones bring the scratch and its pages.
        for (number, pair) in model.pairs(extent.warm + extent.queries[size], PAIRS).into_iter().enumerate() {
            let [from, to] = pair.map(|node| model.keys[node as usize]);
            let query = Query { from, to, policy: policy.clone(), k: row.k };
            let began = ThreadTime::now();
            let found = black_box(find(csr, &mut scratch, &query));
            let took = began.elapsed_us();
            if number >= extent.warm && found.is_ok() {
                times.push(took);
            }
        }
        let (pass, aim) = row.targets[size];
        let line = Line::new(format!("{}, {name}: p50", row.what), "µs", percentile(&times, 0.5))
            .target(pass, aim)
            .beside("p99", percentile(&times, 0.99));
        lines.push(match reference(model, row, extent.references[size]) {
            Some(reference) => line.beside("petgraph, costs only: p50", reference),
            None => line,
        });
    }
    lines
}

/// What petgraph takes for the costs of the same; it has nothing for disjoint paths.
fn reference(model: &Model, row: &Row, queries: usize) -> Option<f64> {
    if row.disjoint > 1 || queries == 0 {
        return None;
    }
    let costs = metric(row.prefer);
    let edges = model.links.iter().map(|([a, b], _, metrics)| (*a, *b, u64::from(hop_cost(costs, metrics))));
    let graph: UnGraph<(), u64> = UnGraph::from_edges(edges);
    let mut times = Vec::new();
    for [from, to] in model.pairs(queries, PAIRS) {
        let [from, to] = [from, to].map(NodeIndex::from);
        let began = ThreadTime::now();
        if row.k == 1 {
            black_box(bidirectional_dijkstra(&graph, from, to, |edge| *edge.weight()));
        } else {
            black_box(k_shortest_path(&graph, from, Some(to), row.k, |edge| *edge.weight()));
        }
        times.push(began.elapsed_us());
    }
    Some(percentile(&times, 0.5))
}
