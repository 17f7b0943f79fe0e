//! Whom the finder believes, who believes the finder, and whom it answers.

use byway_api::route_finder::{BatchAnswer, BatchRequest, FindPaths, FindPathsBatch};
use byway_base::{Code, Signature};

use crate::{
    discovery::{Discovery, Registry, key, secret, transport},
    fixture::{Finder, query},
};

#[tokio::test]
async fn entries_that_both_edges_did_not_sign_are_ignored_wherever_they_come_from() {
    let discovery = Discovery::start(Registry::new());
    let forge = |a, b| {
        let mut view = transport(a, b, "tcp", 1);
        view.signed.signatures[0] = view.signed.entry.sign(&secret(66));
        view
    };
    let mut renamed = transport(6, 7, "tcp", 1);
    renamed.id = transport(1, 7, "tcp", 1).id;
    discovery.registry.register(transport(1, 2, "tcp", 10));
    discovery.registry.register(forge(1, 3));
    discovery.registry.register(renamed);
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(3).await;
    finder.reached(discovery.registry.register(forge(2, 4))).await;
    let mut stripped = transport(2, 5, "tcp", 10);
    stripped.signed.signatures = [Signature::from_bytes([0; 64]); 2];
    finder.reached(discovery.registry.register(stripped)).await;

    assert_eq!(finder.stats().await.transports, 1);
    assert_eq!(finder.find(1, 2, "").await.unwrap().len(), 1);
    for nobody in [3, 4, 5, 6, 7] {
        let problem = finder.find(1, nobody, "").await.unwrap_err();
        assert!(problem.code == Code::NoPath && problem.why.contains("is not in the graph"), "{problem}");
    }
}

#[tokio::test]
async fn a_finder_that_knows_discoverys_key_believes_no_other() {
    let discovery = Discovery::start(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    let right = Finder::start_with(&[&discovery], |config| {
        config.transport_discovery[0].key = Some(Discovery::secret().public());
    })
    .await;
    right.ready().await;

    let wrong =
        Finder::start_with(&[&discovery], |config| config.transport_discovery[0].key = Some(key(66))).await;
    while discovery.registry.snapshots() < 3 {
        assert_eq!(wrong.find(1, 2, "").await.unwrap_err().code, Code::NotReady);
    }
    assert!(!wrong.health.is_ready());
}

#[tokio::test]
async fn answers_are_signed_by_the_finders_key_and_by_no_other() {
    let discovery = Discovery::start(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(1).await;
    let (_, request) = query(1, 2, "");
    finder.client(1).call::<FindPaths>((), (), request.clone()).await.unwrap();
    let deceived = finder.client_expecting(1, key(66)).call::<FindPaths>((), (), request).await.unwrap_err();
    assert_eq!(deceived.code, Code::BadSignature);
    let (_, nowhere) = query(1, 9, "");
    let deceived = finder.client_expecting(1, key(66)).call::<FindPaths>((), (), nowhere).await.unwrap_err();
    assert_eq!(deceived.code, Code::BadSignature, "nor is `no path` believed of anybody else");
}

#[tokio::test]
async fn a_node_finds_paths_for_itself_but_anybody_may_look_at_anybodys_in_a_batch() {
    let discovery = Discovery::start(Registry::new());
    discovery.registry.register(transport(1, 2, "tcp", 10));
    let finder = Finder::start(&[&discovery]).await;
    finder.reached(1).await;
    let (_, of_another) = query(1, 2, "");
    let refused = finder.client(2).call::<FindPaths>((), (), of_another.clone()).await.unwrap_err();
    assert_eq!(refused.code, Code::Denied);

    let queries = vec![of_another, query(1, 9, "").1, query(2, 1, "").1, query(2, 2, "").1];
    let request = BatchRequest { queries: queries.try_into().unwrap() };
    let reply = finder.client(2).call::<FindPathsBatch>((), (), request).await.unwrap();
    let [
        BatchAnswer::Found(first),
        BatchAnswer::Failed(second),
        BatchAnswer::Found(third),
        BatchAnswer::Failed(fourth),
    ] = &reply.answers[..]
    else {
        panic!("each is answered for itself, in their order: {reply:?}")
    };
    assert_eq!((first.paths[0].hops[0].from, third.paths[0].hops[0].from), (key(1), key(2)));
    assert_eq!((second.problem.code, fourth.problem.code), (Code::NoPath, Code::BadPolicy));
    let stats = finder.stats().await;
    assert_eq!((stats.queries, stats.without_path, stats.bounded), (4, 1, 0));
}
