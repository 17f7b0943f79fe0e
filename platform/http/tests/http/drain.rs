//! The end of a service.

use std::time::Duration;

use byway_http::server::Limits;
use tokio::net::TcpStream;

use crate::support::*;

#[tokio::test]
async fn what_is_under_way_is_finished_and_nothing_new_is_taken() {
    let running = start().await;
    let client = running.client();
    let under_way = tokio::spawn(async move { client.call::<GetNote>(NotePath { id: 503 }, (), ()).await });
    running.api.entered.notified().await;
    running.shutdown.cancel();
    // The listener closes at once; connections are refused from then on.
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.served.is_finished());
    running.api.gate.add_permits(1);
    assert_eq!(under_way.await.unwrap(), Ok(note()));
    running.served.await.unwrap();
}

#[tokio::test]
async fn draining_has_a_deadline() {
    let running = start_with(Limits { timeout: Duration::from_millis(100), ..Limits::default() }, &[]).await;
    // A connection that idles for as long as it may.
    let _idle = TcpStream::connect(running.address).await.unwrap();
    running.shutdown.cancel();
    running.served.await.unwrap();
}
