//! A graph after any changes equals one built from what is left.

use std::collections::{BTreeMap, BTreeSet};

use byway_base::{PublicKey, TransportId};
use byway_route_graph::{Graph, Metrics, Transport};
use proptest::prelude::*;

use crate::model::{KEYS, Network, link};

#[derive(Debug, Clone)]
enum Change {
    Upsert(Transport),
    Remove(TransportId),
    State(TransportId, [bool; 2]),
    Metrics(TransportId, Metrics),
    Node(PublicKey, bool),
    Snapshot,
}

fn change() -> impl Strategy<Value = Change> {
    let transport = (0..8_usize, 1..8_usize, 0..3_usize, 1..9_u32)
        .prop_map(|(a, off, kind, rtt)| link(a, (a + off) % 8, kind, rtt));
    let id = transport.clone().prop_map(|transport| transport.id);
    let metrics = (0..9_u32).prop_map(|rtt_us| Metrics { rtt_us, ..Metrics::default() });
    prop_oneof![
        4 => transport.prop_map(Change::Upsert),
        2 => id.clone().prop_map(Change::Remove),
        2 => (id.clone(), any::<[bool; 2]>()).prop_map(|(id, up)| Change::State(id, up)),
        2 => (id, metrics).prop_map(|(id, metrics)| Change::Metrics(id, metrics)),
        1 => (0..8_usize, any::<bool>()).prop_map(|(node, flag)| Change::Node(KEYS[node], flag)),
        1 => Just(Change::Snapshot),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_changed_graph_equals_one_built_fresh(changes in prop::collection::vec(change(), 0..60)) {
        let mut graph = Graph::new();
        let mut left: BTreeMap<TransportId, Transport> = BTreeMap::new();
        let mut no_transit: BTreeSet<PublicKey> = BTreeSet::new();
        for change in changes {
            match change {
                Change::Upsert(transport) => {
                    graph.upsert(&transport).unwrap();
                    left.insert(transport.id, transport);
                }
                Change::Remove(id) => prop_assert_eq!(graph.remove(&id), left.remove(&id).is_some()),
                Change::State(id, up) => {
                    prop_assert_eq!(graph.set_state(&id, up), left.contains_key(&id));
                    if let Some(transport) = left.get_mut(&id) {
                        // The other edge may have told first: the state goes by the order of the entry's edges.
                        transport.up = up;
                    }
                }
                Change::Metrics(id, metrics) => {
                    prop_assert_eq!(graph.set_metrics(&id, metrics), left.contains_key(&id));
                    if let Some(transport) = left.get_mut(&id) {
                        transport.metrics = metrics;
                    }
                }
                Change::Node(key, flag) => {
                    graph.set_node(key, flag).unwrap();
                    if flag { no_transit.insert(key); } else { no_transit.remove(&key); }
                }
                Change::Snapshot => drop(graph.snapshot()),
            }
        }
        for transport in left.values() {
            prop_assert_eq!(graph.transport(&transport.id), Some(transport.clone()));
        }
        let mut fresh = Network { transports: left.into_values().rev().collect(), no_transit }.graph();
        prop_assert_eq!(graph.counts(), fresh.counts());
        prop_assert_eq!(graph.snapshot(), fresh.snapshot());
    }
}
