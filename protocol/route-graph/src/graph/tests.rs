use byway_base::{SecretKey, policy::Preference};

use super::*;
use crate::NodeIndex;

fn key(seed: u8) -> PublicKey {
    SecretKey::from_seed([seed; 32]).public()
}

fn transport(a: u8, b: u8, kind: &str) -> Transport {
    let (edges, kind) = ([key(a), key(b)], TransportType::new(kind).unwrap());
    let metrics = Metrics { rtt_us: 1_000, ..Metrics::default() };
    let id = TransportId::derive(&edges[0], &edges[1], &kind);
    Transport { id, kind, issued: UnixTime(1_000), edges, up: [true, true], metrics }
}

#[test]
fn an_unchanged_graph_gives_the_same_snapshot_again() {
    let mut graph = Graph::new();
    graph.upsert(&transport(1, 2, "tcp")).unwrap();
    let first = graph.snapshot();
    graph.upsert(&transport(1, 2, "tcp")).unwrap();
    graph.set_node(key(1), false).unwrap();
    assert!(Arc::ptr_eq(&first, &graph.snapshot()));
}

#[test]
fn a_snapshot_does_not_follow_later_changes() {
    let mut graph = Graph::new();
    let link = transport(1, 2, "tcp");
    graph.upsert(&link).unwrap();
    let before = graph.snapshot();
    graph.set_metrics(&link.id, Metrics { rtt_us: 9_000, ..Metrics::default() });
    let after = graph.snapshot();
    graph.remove(&link.id);
    let latency = |csr: &Csr| [0, 1].map(|step| csr.costs(Preference::Latency).unwrap().of(step));
    assert_eq!((latency(&before), latency(&after)), ([1_000; 2], [9_000; 2]));
    assert_eq!((graph.snapshot().transport_count(), before.transport_count()), (0, 1));
}

#[test]
fn transports_side_by_side_are_kept_apart() {
    let mut graph = Graph::new();
    graph.upsert(&transport(1, 2, "tcp")).unwrap();
    graph.upsert(&transport(2, 1, "quic")).unwrap();
    assert_eq!(graph.counts(), Counts { nodes: 2, transports: 2, usable: 2 });
    let csr = graph.snapshot();
    assert_eq!(csr.transports_of(csr.node(&key(1)).unwrap()), (2, 0));
}

#[test]
fn a_transport_is_usable_only_while_both_edges_call_it_up() {
    let mut graph = Graph::new();
    let link = transport(1, 2, "tcp");
    graph.upsert(&link).unwrap();
    assert!(graph.set_state(&link.id, [true, false]));
    assert_eq!(graph.counts().usable, 0);
    let csr = graph.snapshot();
    assert_eq!(csr.transports_of(csr.node(&key(1)).unwrap()), (0, 1));
    assert!(graph.set_state(&link.id, [true, true]));
    assert_eq!(graph.counts().usable, 1);
    assert_eq!(graph.transport(&link.id), Some(link));
}

#[test]
fn a_node_is_forgotten_with_its_last_transport_unless_it_refuses_transit() {
    let mut graph = Graph::new();
    let link = transport(1, 2, "tcp");
    graph.upsert(&link).unwrap();
    graph.set_node(key(2), true).unwrap();
    assert!(graph.remove(&link.id) && !graph.remove(&link.id));
    assert_eq!(graph.counts(), Counts { nodes: 1, transports: 0, usable: 0 });
    let csr = graph.snapshot();
    assert!(csr.node(&key(1)).is_none());
    assert!(csr.refuses_transit(csr.node(&key(2)).unwrap()));
    graph.set_node(key(2), false).unwrap();
    assert_eq!(graph.counts().nodes, 0);
}

#[test]
fn an_id_that_returns_with_other_edges_replaces_the_old_entry() {
    let mut graph = Graph::new();
    let old = transport(1, 2, "tcp");
    graph.upsert(&old).unwrap();
    let new = Transport { id: old.id, ..transport(3, 4, "quic") };
    graph.upsert(&new).unwrap();
    assert_eq!(graph.counts(), Counts { nodes: 2, transports: 1, usable: 1 });
    assert_eq!(graph.transport(&old.id), Some(new));
}

#[test]
fn a_transport_from_a_node_to_itself_is_refused() {
    let mut graph = Graph::new();
    assert_eq!(graph.upsert(&transport(1, 1, "tcp")), Err(GraphError::SameEdges));
    assert_eq!(graph.counts(), Counts::default());
}

#[test]
fn more_type_names_than_the_limit_are_refused_and_names_out_of_use_make_room() {
    let mut graph = Graph::new();
    let named = |number: usize| transport(1, 2, &format!("t{number}"));
    for number in 0..byway_base::limits::GRAPH_TYPES {
        graph.upsert(&named(number)).unwrap();
    }
    let one_more = named(byway_base::limits::GRAPH_TYPES);
    assert!(matches!(graph.upsert(&one_more), Err(GraphError::Full { what: "transport types", .. })));
    graph.remove(&named(7).id);
    graph.upsert(&one_more).unwrap();
    let csr = graph.snapshot();
    assert!(csr.types().contains(&one_more.kind) && !csr.types().contains(&named(7).kind));
}

#[test]
fn an_entry_that_is_issued_anew_is_known_by_its_new_date_and_changes_no_path() {
    let mut graph = Graph::new();
    let old = transport(1, 2, "tcp");
    graph.upsert(&old).unwrap();
    let before = graph.snapshot();
    let new = Transport { issued: UnixTime(2_000), ..old.clone() };
    graph.upsert(&new).unwrap();
    assert_eq!(graph.issued(&old.id, &old.edges, &old.kind), Some(new.issued));
    assert_eq!(
        graph.issued(&old.id, &[key(2), key(1)], &old.kind),
        None,
        "in the other order it is another entry"
    );
    assert!(Arc::ptr_eq(&before, &graph.snapshot()));
}

#[test]
fn nodes_that_come_and_go_keep_the_order_of_keys() {
    let mut graph = Graph::seeded(7);
    let keys = |graph: &mut Graph| {
        let csr = graph.snapshot();
        (0..csr.node_count()).map(|node| csr.key(NodeIndex::new(node))).collect::<Vec<_>>()
    };
    for seed in 2..40 {
        graph.upsert(&transport(1, seed, "tcp")).unwrap();
    }
    let all = keys(&mut graph);
    assert!(all.is_sorted() && all.len() == 39);
    for seed in (2..40).step_by(3) {
        graph.remove(&transport(1, seed, "tcp").id);
    }
    graph.upsert(&transport(1, 50, "tcp")).unwrap();
    let left = keys(&mut graph);
    assert!(left.is_sorted() && left.len() == 39 - 13 + 1 && left.contains(&key(50)));
}
