//! What becomes of requests when messaging servers and services come and go.

use byway_base::Code;
use byway_testkit::wait::until;
use tokio::time::timeout;

use crate::{
    small::{Echo, Heard, Small, Wait, said},
    support::{Caller, Net, PATIENCE, secret},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_learns_who_calls_it_by_its_key() {
    let net = Net::start().await;
    let service = Small::start(10, &net.messaging(None)).await;
    let caller = Caller::start(20, &net.messaging(None)).await;
    let heard = caller.client(service.key).call::<Echo>((), (), said("hello")).await.unwrap();
    assert_eq!(heard, Heard { from: secret(20).public(), text: "hello".into() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_outlives_the_messaging_server_that_it_came_through() {
    let mut net = Net::start().await;
    let service = Small::start(10, &net.messaging(None)).await;
    let caller = Caller::start(20, &net.messaging(None)).await;
    let client = caller.client(service.key);
    let under_way = tokio::spawn(async move { client.call::<Wait>((), (), ()).await });
    timeout(PATIENCE, service.api.entered.notified()).await.unwrap();
    net.servers.remove(0).kill().await;
    service.api.gate.add_permits(1);
    assert_eq!(under_way.await.unwrap(), Ok(said("at last")));
    // And whatever is asked from then on.
    let heard = caller.client(service.key).call::<Echo>((), (), said("again")).await.unwrap();
    assert_eq!(heard.text, "again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_drains_answers_what_is_under_way_and_takes_leave() {
    let net = Net::start().await;
    let service = Small::start(10, &net.messaging(None)).await;
    let caller = Caller::start(20, &net.messaging(None)).await;
    let client = caller.client(service.key);
    let under_way = tokio::spawn(async move { client.call::<Wait>((), (), ()).await });
    timeout(PATIENCE, service.api.entered.notified()).await.unwrap();
    service.stop.cancel();
    service.api.gate.add_permits(1);
    assert_eq!(under_way.await.unwrap(), Ok(said("at last")));
    timeout(PATIENCE, service.served).await.unwrap().unwrap();
    let refused = caller.client(service.key).call::<Echo>((), (), said("too late")).await.unwrap_err();
    assert!(matches!(refused.code, Code::ServiceUnreachable | Code::Timeout), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_comes_back_is_found_again_under_its_key() {
    let net = Net::start().await;
    let caller = Caller::start(20, &net.messaging(None)).await;
    for round in ["first", "second"] {
        let service = Small::start(10, &net.messaging(None)).await;
        // Until the messaging servers know that it is back.
        let asked = async || caller.client(service.key).call::<Echo>((), (), said(round)).await;
        assert_eq!(until("an answer", PATIENCE, asked).await.text, round);
        service.stop.cancel();
        service.served.await.unwrap();
    }
}
