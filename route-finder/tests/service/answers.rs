//! What the finder answers.

use byway_api::{route_finder::FindRequest, transport_discovery::TransportState};
use byway_base::{Code, TransportId, limits::PATHS_MAX};

use crate::{
    discovery::{Discovery, Registry, key, transport},
    fixture::{Finder, query, reaches},
};

/// 1 - 2 - 4 is best, 1 - 3 - 4 is next, 1 - 4 is slow.
async fn network() -> (Discovery, Finder) {
    let discovery = Discovery::start(Registry::new());
    let mut sequence = 0;
    for (a, b, kind, rtt_us) in [(1, 2, "tcp", 10), (2, 4, "tcp", 10), (1, 3, "quic", 20), (3, 4, "quic", 20)]
    {
        sequence = discovery.registry.register(transport(a, b, kind, rtt_us));
    }
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(sequence).await;
    (discovery, finder)
}

fn id(a: u8, b: u8, kind: &str) -> TransportId {
    transport(a, b, kind, 0).id
}

#[tokio::test]
async fn a_spare_that_shares_no_intermediate_is_among_the_answers_unasked() {
    let (_discovery, finder) = network().await;
    let paths = finder.find(1, 4, "").await.unwrap();
    let nodes: Vec<_> = paths.iter().map(reaches).collect();
    assert_eq!(nodes, [[key(2), key(4)], [key(3), key(4)]]);
    assert!(paths[0].cost <= paths[1].cost);
}

#[tokio::test]
async fn the_policy_decides_which_paths_are_given_and_k_how_many() {
    let (_discovery, finder) = network().await;
    let via = finder.find(1, 4, &format!("via={}", key(3))).await.unwrap();
    assert_eq!(via.iter().map(reaches).collect::<Vec<_>>(), [[key(3), key(4)]]);
    let (from, request) = query(1, 4, "");
    let one = finder.ask((from, FindRequest { k: Some(1), ..request.clone() })).await;
    assert_eq!(one.unwrap().paths.len(), 1);
    let all = finder.ask((from, FindRequest { k: Some(u8::MAX), ..request })).await;
    assert!((2..=PATHS_MAX).contains(&all.unwrap().paths.len()), "more than the most is the most");
}

#[tokio::test]
async fn no_path_says_why() {
    let (discovery, finder) = network().await;
    let barred = finder.find(1, 4, "types=messaging").await.unwrap_err();
    assert_eq!(barred.code, Code::NoPath);
    assert!(barred.why.contains("does not allow transports of type tcp"), "{barred}");
    let avoided = finder.find(1, 4, &format!("avoid={} types=!quic", key(2))).await.unwrap_err();
    assert!(avoided.why.contains(&format!("the policy avoids {}", key(2).short())), "{avoided}");
    let unknown = finder.find(1, 9, "").await.unwrap_err();
    assert!(
        unknown.why.contains(&format!("the destination {} is not in the graph", key(9).short())),
        "{unknown}"
    );

    for (a, b, kind) in [(2, 4, "tcp"), (3, 4, "quic")] {
        finder.reached(discovery.registry.set_state(id(a, b, kind), TransportState::Down)).await;
    }
    let down = finder.find(1, 4, "").await.unwrap_err();
    assert!(down.why.contains("is down"), "{down}");
}

#[tokio::test]
async fn why_others_lost_is_told_when_asked_for() {
    let (_discovery, finder) = network().await;
    let (from, request) = query(1, 4, &format!("avoid={}", key(2)));
    let silent = finder.ask((from, request.clone())).await.unwrap();
    assert_eq!((silent.paths.len(), silent.reasons.len()), (1, 0));
    let told = finder.ask((from, FindRequest { why_not: true, ..request })).await.unwrap();
    assert_eq!(told.paths, silent.paths);
    assert!(told.reasons.iter().any(|reason| reason.contains("the policy avoids")), "{:?}", told.reasons);
}

#[tokio::test]
async fn a_policy_that_contradicts_the_query_is_bad_whatever_the_graph() {
    let (_discovery, finder) = network().await;
    for policy in [format!("via={}", key(4)), format!("via={}", key(1))] {
        assert_eq!(finder.find(1, 4, &policy).await.unwrap_err().code, Code::BadPolicy);
    }
    assert_eq!(finder.find(1, 1, "").await.unwrap_err().code, Code::BadPolicy);
}

#[tokio::test]
async fn an_exact_path_is_allowed_if_it_is_connected_up_and_fits_the_policy() {
    let (discovery, finder) = network().await;
    let slow = [id(1, 3, "quic"), id(3, 4, "quic")];
    let sound = finder.explain(1, 4, "", &slow).await.unwrap();
    assert!(sound.allowed && sound.reasons.is_empty());
    let (path, best) = (sound.path.unwrap(), sound.best.unwrap());
    assert_eq!((reaches(&path), reaches(&best)), (vec![key(3), key(4)], vec![key(2), key(4)]));
    assert!(path.cost > best.cost && path.rtt_us == 40);

    let barred = finder.explain(1, 4, "types=tcp hops>=3", &slow).await.unwrap();
    assert!(!barred.allowed && barred.path.is_some() && barred.best.is_none());
    assert_eq!(barred.reasons.len(), 2, "{:?}", barred.reasons);

    let gap = finder.explain(1, 4, "", &[id(1, 2, "tcp"), id(3, 4, "quic")]).await.unwrap();
    assert!(!gap.allowed && gap.path.is_none() && gap.reasons[0].contains("hop 2"), "{:?}", gap.reasons);
    let short = finder.explain(1, 4, "", &[id(1, 2, "tcp")]).await.unwrap();
    assert!(!short.allowed && short.reasons[0].contains("ends at"), "{:?}", short.reasons);

    finder.reached(discovery.registry.set_state(id(3, 4, "quic"), TransportState::Down)).await;
    let down = finder.explain(1, 4, "", &slow).await.unwrap();
    assert!(
        !down.allowed && down.path.is_none() && down.reasons[0].contains("is down"),
        "{:?}",
        down.reasons
    );
    assert!(down.best.is_some());
}

#[tokio::test]
async fn what_is_no_path_at_all_or_has_a_bad_policy_is_not_judged() {
    let (_discovery, finder) = network().await;
    assert_eq!(finder.explain(1, 4, "", &[]).await.unwrap_err().code, Code::BadPath);
    let contradiction = finder.explain(1, 4, &format!("via={}", key(4)), &[id(1, 2, "tcp")]).await;
    assert_eq!(contradiction.unwrap_err().code, Code::BadPolicy);
}
