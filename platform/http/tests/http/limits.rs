//! Those who dawdle or hoard lose their own connections and nothing else.

use std::time::Duration;

use byway_base::{Code, SecretKey};
use byway_http::{
    client::Client,
    server::{Limits, Rate},
};
use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::*;

#[tokio::test]
async fn a_handler_that_takes_too_long_is_answered_for() {
    let running = start_with(Limits { timeout: Duration::from_millis(50), ..Limits::default() }, &[]).await;
    let problem = running.client().call::<GetNote>(NotePath { id: 504 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Timeout);
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let running = start_with(Limits { timeout: Duration::from_millis(50), ..Limits::default() }, &[]).await;
    let head = format!("POST /v1/notes:echo HTTP/1.1\r\n{}content-length: 9\r\n\r\n", running.host());
    assert_eq!(verdict(&running.raw(head).await), ("504", "BW-TIMEOUT"));
}

#[tokio::test]
async fn a_client_gives_up_on_a_silent_service() {
    let running = start().await;
    let client = running.client().with_timeout(Duration::from_millis(50));
    let problem = client.call::<GetNote>(NotePath { id: 504 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Timeout);
}

#[tokio::test]
async fn silent_and_dribbling_connections_are_closed_and_make_room_for_honest_ones() {
    let limits = Limits { header_timeout: Duration::from_millis(200), connections: 2, ..Limits::default() };
    let running = start_with(limits, &[]).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let dribbling = TcpStream::connect(running.address).await.unwrap();
    // All places are taken: this call waits in the kernel's backlog.
    let client = running.client();
    let honest = tokio::spawn(async move { client.call::<GetNote>(NotePath { id: 1 }, (), ()).await });
    let (mut read, mut write) = dribbling.into_split();
    let dribble = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        while write.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    });
    assert_eq!(silent.read(&mut [0; 64]).await.unwrap_or(0), 0);
    let mut answer = Vec::new();
    let _ = read.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 2"));
    assert_eq!(honest.await.unwrap(), Ok(note()));
    dribble.await.unwrap();
}

#[tokio::test]
async fn a_header_beyond_the_bound_is_refused() {
    let running = start().await;
    let head = format!("GET /v1/notes/1 HTTP/1.1\r\n{}x: {}\r\n\r\n", running.host(), "x".repeat(100_000));
    assert_eq!(verdict(&running.raw(head).await).0, "431");
    let fields: String = (0..200).map(|n| format!("x{n}: y\r\n")).collect();
    let head = format!("GET /v1/notes/1 HTTP/1.1\r\n{}{fields}\r\n", running.host());
    assert_eq!(verdict(&running.raw(head).await).0, "431");
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let running = start_with(Limits { connections_per_address: 1, ..Limits::default() }, &[]).await;
    let mut held = TcpStream::connect(running.address).await.unwrap();
    let request = format!("GET /v1/notes/1 HTTP/1.1\r\n{}\r\n", running.host());
    held.write_all(request.as_bytes()).await.unwrap();
    assert_ne!(held.read(&mut [0; 64]).await.unwrap(), 0);
    assert_eq!(running.raw(&request).await, "");
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_to_wait_and_others_are_served() {
    let running =
        start_with(Limits { rate: Rate { per_second: 1, burst: 2 }, ..Limits::default() }, &[]).await;
    let (flooding, honest) = (running.client(), SecretKey::from_seed([8; 32]));
    let honest = Client::new(&format!("http://{}", running.address), Some(honest), None).unwrap();
    let delete = async |client: &Client| client.call::<DeleteNote>(NotePath { id: 1 }, (), ()).await;
    let mut answers = Vec::new();
    // More than a second's worth each second, however slow this machine is.
    while answers.iter().all(Result::is_ok) {
        answers.extend(join_all((0..16).map(|_| delete(&flooding))).await);
    }
    let refused = answers.into_iter().find_map(Result::err).unwrap();
    assert_eq!(refused.code, Code::Limit, "{refused}");
    assert_eq!(delete(&honest).await, Ok(()));
}

#[tokio::test]
async fn whoever_is_told_to_wait_is_told_how_long() {
    let running = start_with(Limits { streams: 0, ..Limits::default() }, &[]).await;
    let answer = running.request("GET /v1/events", &running.host(), "").await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 1\r\n"), "{answer}");
}

#[tokio::test]
async fn streams_beyond_the_bound_are_refused() {
    let running = start_with(Limits { streams: 1, ..Limits::default() }, &[]).await;
    let client = running.client();
    let _held = client.watch::<WatchNumbers>((), Since::default(), None).await.unwrap();
    let refused = client.watch::<WatchNumbers>((), Since::default(), None).await.err().unwrap();
    assert_eq!(refused.code, Code::Limit);
}
