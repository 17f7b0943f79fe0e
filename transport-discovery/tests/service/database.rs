//! On a real PostgreSQL: replicas, and a database that goes away.

use byway_api::{
    Event,
    transport_discovery::{EventsQuery, TransportState, WatchTransports},
};
use byway_base::Code;
use byway_testkit::postgres_or_skip;
use futures_util::StreamExt;

use crate::fixture::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_on_one_database_agree() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let (one, two) = (Running::start_on(url.clone()).await, Running::start_on(url).await);
    let mut events = two.client(9).watch::<WatchTransports>((), EventsQuery::default(), None).await.unwrap();
    let entry = one.entry(1, 2);
    one.put(1, &entry).await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(Event::Item { sequence: 1, .. }))));
    assert_eq!(two.get(entry.entry.id()).await.unwrap().state, TransportState::Up);
    assert_eq!(two.beat(2, &[entry.entry.id()]).await, []);
}

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
