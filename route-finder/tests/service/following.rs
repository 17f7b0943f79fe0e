//! The mirror follows transport discovery, whatever becomes of that.

use std::time::Duration;

use byway_api::{
    route_finder::{BatchAnswer, BatchRequest, FindPathsBatch},
    transport_discovery::TransportState,
};
use byway_base::{Code, limits::PATH_QUERIES_MAX};
use byway_service_kit::Condition;

use crate::{
    discovery::{Discovery, Registry, key, transport},
    fixture::{Finder, query, reaches},
};

#[tokio::test]
async fn a_path_appears_when_its_last_transport_is_registered() {
    let discovery = Discovery::start(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(1).await;
    assert_eq!(finder.find(1, 3, "").await.unwrap_err().code, Code::NoPath);

    let sequence = discovery.registry.register(transport(2, 3, "quic", 20));
    finder.reached(sequence).await;
    let reply = finder.ask(query(1, 3, "")).await.unwrap();
    let [path] = &reply.paths[..] else { panic!("there is one path") };
    assert_eq!((reaches(path), path.rtt_us), (vec![key(2), key(3)], 30));
    let hops: Vec<_> = path.hops.iter().map(|hop| (hop.kind.as_str(), hop.metrics.rtt_us)).collect();
    assert_eq!(hops, [("tcp", 10), ("quic", 20)]);
    assert_eq!((reply.mirror.mirror_sequence, reply.mirror.mirror_age_ms), (sequence, 0));
}

#[tokio::test]
async fn a_path_vanishes_when_a_transport_goes_down_and_is_back_when_it_is_up_again() {
    let discovery = Discovery::start(Registry::new());
    let (first, second) = (transport(1, 2, "tcp", 10), transport(2, 3, "tcp", 10));
    discovery.registry.register(first.clone());
    discovery.registry.register(second.clone());
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(2).await;
    assert_eq!(finder.find(1, 3, "").await.unwrap().len(), 1);

    finder.reached(discovery.registry.set_state(second.id, TransportState::Down)).await;
    let problem = finder.find(1, 3, "").await.unwrap_err();
    assert!(problem.code == Code::NoPath && problem.why.contains("is down"), "{problem}");
    let stats = finder.stats().await;
    assert_eq!((stats.nodes, stats.transports), (3, 1));

    finder.reached(discovery.registry.set_state(second.id, TransportState::Up)).await;
    assert_eq!(finder.find(1, 3, "").await.unwrap().len(), 1);
    finder.reached(discovery.registry.remove(first.id)).await;
    assert_eq!(finder.find(1, 3, "").await.unwrap_err().code, Code::NoPath);
}

#[tokio::test]
async fn a_node_that_refuses_transit_is_an_end_only() {
    let discovery = Discovery::start(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    discovery.registry.register(transport(2, 3, "tcp", 10));
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(discovery.registry.refuse_transit(key(2))).await;
    let problem = finder.find(1, 3, "").await.unwrap_err();
    assert!(problem.why.contains("refuses transit"), "{problem}");
    assert_eq!(finder.find(1, 2, "").await.unwrap().len(), 1);
}

#[tokio::test]
async fn before_the_first_snapshot_the_finder_is_not_ready_and_says_so() {
    let mut discovery = Discovery::stopped(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    let finder = Finder::start(&[&discovery]).await;
    assert_eq!(finder.find(1, 2, "").await.unwrap_err().code, Code::NotReady);
    assert!(!finder.health.is_ready());
    discovery.go_on();
    finder.ready().await;
    assert_eq!(finder.find(1, 2, "").await.unwrap().len(), 1);
}

#[tokio::test]
async fn while_discovery_restarts_answers_go_on_and_its_changes_are_resumed_without_a_snapshot() {
    let mut discovery = Discovery::start(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    let finder = Finder::start_with(&[&discovery], |config| config.mirror_age_max = Duration::ZERO).await;
    finder.reached(1).await;
    finder.follows(&discovery.registry).await;
    discovery.stop().await;
    let sequence = discovery.registry.register(transport(2, 3, "tcp", 10));

    let stale = loop {
        let reply = finder.ask(query(1, 2, "")).await.unwrap();
        assert_eq!((reply.paths.len(), reply.mirror.mirror_sequence), (1, 1), "the last known answer serves");
        if reply.mirror.mirror_age_ms > 0 {
            break finder.health.report();
        }
    };
    assert!(matches!(stale.checks["mirror"], Condition::Degraded { .. }), "{stale:?}");
    assert!(finder.health.is_ready(), "a stale finder is better than none");

    discovery.go_on();
    finder.reached(sequence).await;
    assert_eq!(finder.find(1, 3, "").await.unwrap().len(), 1);
    while finder.health.report().checks["mirror"] != Condition::Ok {
        finder.stats().await;
    }
    assert_eq!(discovery.registry.snapshots(), 1);
}

#[tokio::test]
async fn a_reader_that_is_reset_takes_a_new_snapshot() {
    let discovery = Discovery::start(Registry::new());
    let (kept, lost, new) =
        (transport(1, 2, "tcp", 10), transport(1, 3, "tcp", 10), transport(2, 4, "tcp", 10));
    discovery.registry.register(kept);
    discovery.registry.register(lost.clone());
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(2).await;

    let sequence = discovery.registry.lose_log(|transports| {
        transports.remove(&lost.id);
        transports.insert(new.id, new);
    });
    finder.reached(sequence).await;
    assert_eq!(discovery.registry.snapshots(), 2);
    assert_eq!(finder.find(1, 4, "").await.unwrap().len(), 1);
    assert_eq!(finder.find(1, 3, "").await.unwrap_err().code, Code::NoPath);
    finder.reached(discovery.registry.register(transport(4, 5, "tcp", 10))).await;
    assert_eq!(finder.find(1, 5, "").await.unwrap().len(), 1, "and follows on from there");
}

#[tokio::test]
async fn when_one_replica_of_discovery_goes_away_the_next_is_followed_from_the_same_place() {
    let registry = Registry::new();
    registry.register(transport(1, 2, "tcp", 10));
    let (mut first, second) = (Discovery::start(registry.clone()), Discovery::start(registry.clone()));
    let finder = Finder::start(&[&first, &second]).await;
    finder.follows(&registry).await;
    first.stop().await;
    finder.reached(registry.register(transport(2, 3, "tcp", 10))).await;
    assert_eq!(registry.snapshots(), 1);
}

#[tokio::test]
async fn many_changes_at_once_all_arrive() {
    let discovery = Discovery::start(Registry::new());
    let finder = Finder::start(&[&discovery]).await;
    finder.ready().await;
    let mut sequence = 0;
    for node in 2..=40 {
        sequence = discovery.registry.register(transport(1, node, "tcp", 10));
    }
    finder.reached(sequence).await;
    let stats = finder.stats().await;
    assert_eq!((stats.nodes, stats.transports), (40, 39));
}

#[tokio::test]
async fn all_answers_of_a_batch_come_from_one_view_while_changes_are_taken_over() {
    let discovery = Discovery::start(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    let finder = Finder::start_with(&[&discovery], |config| config.workers = 1).await;
    finder.follows(&discovery.registry).await;
    let client = finder.client(1);
    let mut seen = 0;
    for node in 3..=40 {
        let sequence = discovery.registry.register(transport(1, node, "tcp", 10));
        let queries = vec![query(1, 2, "").1; PATH_QUERIES_MAX].try_into().unwrap();
        let reply = client.call::<FindPathsBatch>((), (), BatchRequest { queries }).await.unwrap();
        let views: std::collections::BTreeSet<u64> = reply
            .answers
            .iter()
            .map(|answer| match answer {
                BatchAnswer::Found(found) => found.mirror.mirror_sequence,
                BatchAnswer::Failed(problem) => panic!("{problem:?}"),
            })
            .collect();
        let [view] = views.into_iter().collect::<Vec<_>>()[..] else { panic!("answers of several views") };
        assert!((seen..=sequence).contains(&view), "a batch never goes back");
        seen = view;
    }
    finder.reached(39).await;
}
