//! A PostgreSQL that goes away.

use std::sync::atomic::{AtomicUsize, Ordering};

use byway_api::{
    Event,
    transport_discovery::{EventsQuery, WatchTransports},
};
use byway_base::Code;
use byway_testkit::postgres_or_skip;
use futures_util::{StreamExt, future::join_all};

use crate::fixture::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_the_service_says_so_and_goes_on_when_it_is_back() {
    let Some(server) = postgres_or_skip() else { return };
    let service = Running::start_on(server.url(&server.database().unwrap())).await;
    let entry = service.entry(1, 2);
    let id = entry.entry.id();
    service.put(1, &entry).await.unwrap();
    service.health.ready().await;
    let mut events =
        service.client(9).watch::<WatchTransports>((), EventsQuery::default(), Some(1)).await.unwrap();

    server.crash().unwrap();
    let refused = service.get(id).await.unwrap_err();
    assert_eq!(refused.code, Code::NotReady, "{refused}");
    while service.health.is_ready() {
        assert_eq!(service.get(id).await.unwrap_err().code, Code::NotReady);
    }
    server.start_again().unwrap();
    service.health.ready().await;
    assert_eq!(service.get(id).await.unwrap().signed, entry);
    service.put(1, &service.entry(1, 3)).await.unwrap();
    assert!(
        matches!(events.next().await, Some(Ok(Event::Item { sequence: 2, .. }))),
        "the stream outlived it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_while_the_database_died_under_load_is_there() {
    const NODES: u8 = 12;
    const EACH: u8 = 12;
    let Some(server) = postgres_or_skip() else { return };
    let service = Running::start_on(server.url(&server.database().unwrap())).await;
    let acknowledged = AtomicUsize::new(0);
    let write = async |node: u8| {
        let mut entries = Vec::new();
        for peer in 0..EACH {
            let entry = service.entry(node, 100 + peer);
            while let Err(problem) = service.put(node, &entry).await {
                assert_eq!(problem.code, Code::NotReady, "{problem}");
                tokio::task::yield_now().await;
            }
            acknowledged.fetch_add(1, Ordering::SeqCst);
            entries.push(entry);
        }
        entries
    };
    let load = join_all((1..=NODES).map(write));
    let fail = async {
        while acknowledged.load(Ordering::SeqCst) < usize::from(NODES) {
            tokio::task::yield_now().await;
        }
        server.crash().unwrap();
        let before = acknowledged.load(Ordering::SeqCst);
        assert!(before < usize::from(NODES) * usize::from(EACH), "it died under load");
        server.start_again().unwrap();
    };
    let (written, ()) = tokio::join!(load, fail);
    for entry in written.into_iter().flatten() {
        assert_eq!(service.get(entry.entry.id()).await.unwrap().signed, entry);
    }
    service.health.ready().await;
}
