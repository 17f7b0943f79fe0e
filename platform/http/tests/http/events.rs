//! Change streams: live, resumed, reset.

use byway_api::Event;
use futures_util::StreamExt;

use crate::support::*;

fn item(n: u64) -> Event<u64> {
    Event::Item { sequence: n, item: n }
}

#[tokio::test]
async fn changes_arrive_as_they_happen() {
    let running = start().await;
    let mut events = running.client().watch::<WatchNumbers>((), Since::default(), None).await.unwrap();
    running.api.newest.send_replace(22);
    assert_eq!(events.next().await, Some(Ok(item(21))));
    assert_eq!(events.next().await, Some(Ok(item(22))));
}

#[tokio::test]
async fn a_reader_resumes_after_the_last_event_that_it_saw() {
    let running = start().await;
    let client = running.client();
    let mut by_query = client.watch::<WatchNumbers>((), Since { since: Some(17) }, None).await.unwrap();
    assert_eq!(by_query.next().await, Some(Ok(item(18))));
    drop(by_query);
    let mut by_header = client.watch::<WatchNumbers>((), Since { since: Some(1) }, Some(18)).await.unwrap();
    assert_eq!(by_header.next().await, Some(Ok(item(19))));
}

#[tokio::test]
async fn a_reader_that_is_too_far_behind_is_told_to_begin_anew() {
    let running = start().await;
    let events = running.client().watch::<WatchNumbers>((), Since { since: Some(3) }, None).await.unwrap();
    let all: Vec<_> = events.collect().await;
    assert_eq!(all, [Ok(Event::Reset { sequence: 20 })]);
}

#[tokio::test]
async fn a_stream_ends_when_the_service_drains() {
    let running = start().await;
    let mut events =
        running.client().watch::<WatchNumbers>((), Since { since: Some(19) }, None).await.unwrap();
    assert_eq!(events.next().await, Some(Ok(item(20))));
    running.shutdown.cancel();
    assert_eq!(events.next().await, None);
    running.served.await.unwrap();
}
