//! Small random networks, and everything that is true of them by enumeration.

use std::{collections::BTreeSet, sync::LazyLock};

use byway_base::{Policy, PublicKey, SecretKey, TransportId, TransportType, UnixTime, policy::Preference};
use byway_route_graph::{FoundPath, Graph, Metrics, Transport, hop_cost, metric};
use proptest::prelude::*;

pub(crate) static KEYS: LazyLock<Vec<PublicKey>> = LazyLock::new(|| {
    (0..400_u32)
        .map(|number| {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&number.to_le_bytes());
            SecretKey::from_seed(seed).public()
        })
        .collect()
});

pub(crate) const TYPES: [&str; 3] = ["tcp", "quic", "messaging"];

pub(crate) fn kind(number: usize) -> TransportType {
    TransportType::new(TYPES[number]).unwrap()
}

pub(crate) fn link(a: usize, b: usize, kind_number: usize, rtt_us: u32) -> Transport {
    let (edges, kind) = ([KEYS[a], KEYS[b]], kind(kind_number));
    let metrics = Metrics { rtt_us, ..Metrics::default() };
    let id = TransportId::derive(&edges[0], &edges[1], &kind);
    Transport { id, kind, issued: UnixTime(1_000), edges, up: [true; 2], metrics }
}

/// A network before it is a graph.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) transports: Vec<Transport>,
    pub(crate) no_transit: BTreeSet<PublicKey>,
}

impl Network {
    pub(crate) fn of(transports: Vec<Transport>) -> Self {
        Self { transports, no_transit: BTreeSet::new() }
    }

    pub(crate) fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for transport in &self.transports {
            graph.upsert(transport).unwrap();
        }
        for key in &self.no_transit {
            graph.set_node(*key, true).unwrap();
        }
        graph
    }

    pub(crate) fn knows(&self, key: &PublicKey) -> bool {
        self.no_transit.contains(key) || self.transports.iter().any(|transport| transport.edges.contains(key))
    }

    /// Every path from `from` to `to` that satisfies `policy`, with its cost, cheapest first.
    pub(crate) fn every_path(&self, from: PublicKey, to: PublicKey, policy: &Policy) -> Vec<ModelPath> {
        let mut found = Vec::new();
        let start = ModelPath { cost: 0, nodes: vec![from], transports: Vec::new() };
        self.extend(&start, to, policy, &mut found);
        found.sort();
        found
    }

    fn extend(&self, path: &ModelPath, to: PublicKey, policy: &Policy, found: &mut Vec<ModelPath>) {
        let at = path.nodes[path.nodes.len() - 1];
        if at == to {
            if path.satisfies(policy) {
                found.push(path.clone());
            }
            return;
        }
        let inner = path.nodes.len() > 1;
        if inner && (self.no_transit.contains(&at) || policy.avoid.contains(&at)) {
            return;
        }
        for transport in &self.transports {
            let Some(next) =
                transport.edges.iter().position(|edge| *edge == at).map(|p| transport.edges[1 - p])
            else {
                continue;
            };
            let usable = transport.up == [true; 2] && policy.allows_type(&transport.kind);
            if usable && !path.nodes.contains(&next) {
                let mut longer = path.clone();
                longer.cost += u64::from(hop_cost(metric(policy.prefer), &transport.metrics));
                longer.nodes.push(next);
                longer.transports.push(transport.id);
                self.extend(&longer, to, policy, found);
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModelPath {
    pub(crate) cost: u64,
    pub(crate) nodes: Vec<PublicKey>,
    pub(crate) transports: Vec<TransportId>,
}

impl ModelPath {
    pub(crate) fn inner(&self) -> &[PublicKey] {
        &self.nodes[1..self.nodes.len() - 1]
    }

    fn satisfies(&self, policy: &Policy) -> bool {
        let mut inner = self.inner().iter();
        (policy.hops_least()..=policy.hops_most()).contains(&self.transports.len())
            && policy.via.iter().all(|via| inner.any(|key| key == via))
    }
}

pub(crate) fn ids(path: &FoundPath) -> Vec<TransportId> {
    path.hops.iter().map(|hop| hop.transport).collect()
}

/// The most paths without a common intermediate, by trying every set.
pub(crate) fn most_disjoint(paths: &[ModelPath], wanted: usize) -> usize {
    fn grow(paths: &[ModelPath], used: &BTreeSet<PublicKey>, wanted: usize) -> usize {
        let mut best = 0;
        for (at, path) in paths.iter().enumerate() {
            if best == wanted {
                break;
            }
            if path.inner().iter().all(|key| !used.contains(key)) {
                let used = used.iter().chain(path.inner()).copied().collect();
                best = best.max(1 + grow(&paths[at + 1..], &used, wanted - 1));
            }
        }
        best
    }
    if wanted == 0 { 0 } else { grow(paths, &BTreeSet::new(), wanted) }
}

/// Networks of up to `nodes` nodes, with few different costs, so that ties are common.
pub(crate) fn network(nodes: usize, transports: usize) -> impl Strategy<Value = Network> {
    let metrics = (1..6_u32, 0..3_u32, 0..3_u64).prop_map(|(rtt, loss, used)| Metrics {
        rtt_us: rtt * 1_000,
        loss_ppm: loss * 700,
        throughput_bps: used * 40_000_000,
    });
    let transport = (0..nodes, 0..nodes, 0..TYPES.len(), prop::bool::weighted(0.9), metrics);
    let transports = prop::collection::vec(transport, nodes / 2..transports);
    let refusing = prop::collection::btree_set(0..nodes, 0..2);
    (transports, refusing).prop_map(|(transports, refusing)| {
        let mut network = Network::of(Vec::new());
        for (a, b, kind, up, metrics) in transports {
            let transport = Transport { up: [up, true], metrics, ..link(a, b, kind, 1) };
            if a != b && network.transports.iter().all(|known| known.id != transport.id) {
                network.transports.push(transport);
            }
        }
        network.no_transit = refusing.into_iter().map(|node| KEYS[node]).collect();
        network
    })
}

pub(crate) fn preference() -> impl Strategy<Value = Preference> {
    prop::sample::select(Preference::ALL).prop_map(|(preference, _)| preference)
}

/// Policies over the same nodes, most with one or two constraints.
pub(crate) fn policy(nodes: usize) -> impl Strategy<Value = Policy> {
    let keys = move |most| prop::collection::btree_set(0..nodes, 0..=most);
    let hops = (prop::option::weighted(0.4, 1..6_u8), prop::option::weighted(0.4, 1..6_u8));
    let types_not = prop::collection::vec(0..TYPES.len(), 0..2);
    (hops, 1..4_u8, keys(2), keys(1), types_not, preference(), any::<bool>()).prop_map(
        |((hops_min, hops_max), disjoint, via, avoid, types_not, prefer, reversed)| {
            let mut via: Vec<PublicKey> = via.into_iter().map(|node| KEYS[node]).collect();
            if reversed {
                via.reverse();
            }
            Policy {
                hops_min,
                hops_max,
                disjoint: Some(disjoint),
                stripe: None,
                via,
                avoid: avoid.into_iter().map(|node| KEYS[node]).collect(),
                types: Vec::new(),
                types_not: types_not.into_iter().map(kind).collect(),
                prefer,
            }
        },
    )
}
