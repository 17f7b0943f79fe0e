//! On a real PostgreSQL.

use byway_base::Code;
use byway_testkit::postgres_or_skip;

use crate::fixture::Running;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_on_one_database_agree_also_about_what_is_stale() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let (one, two) = (Running::start_on(url.clone()).await, Running::start_on(url).await);
    let (old, new) = (one.node(1, 1), one.node(1, 2));
    one.put(1, &new).await.unwrap();
    assert_eq!(two.get(1).await.unwrap(), new);
    assert_eq!(two.put(1, &old).await.unwrap_err().code, Code::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_the_service_says_so_and_goes_on_when_it_is_back() {
    let Some(server) = postgres_or_skip() else { return };
    let service = Running::start_on(server.url(&server.database().unwrap())).await;
    let record = service.node(1, 1);
    service.put(1, &record).await.unwrap();
    service.health.ready().await;
    server.crash().unwrap();
    while service.health.is_ready() {
        assert_eq!(service.get(1).await.unwrap_err().code, Code::NotReady);
    }
    server.start_again().unwrap();
    service.health.ready().await;
    assert_eq!(service.get(1).await.unwrap(), record);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_database_is_away_at_its_start_says_so_and_begins_when_it_is_there() {
    let Some(server) = postgres_or_skip() else { return };
    let url = server.url(&server.database().unwrap());
    let before = Running::start_on(url.clone()).await;
    let record = before.node(1, 5);
    before.put(1, &record).await.unwrap();
    server.crash().unwrap();
    let service = Running::start_on(url).await;
    assert!(!service.health.is_ready());
    assert_eq!(service.get(1).await.unwrap_err().code, Code::NotReady);
    server.start_again().unwrap();
    service.health.ready().await;
    assert_eq!(service.get(1).await.unwrap(), record, "what was acknowledged is there");
    assert_eq!(
        service.put(1, &service.node(1, 4)).await.unwrap_err().code,
        Code::Conflict,
        "nor is it forgotten"
    );
}
