//! Replies in lines: whole, or seen not to be.

use std::net::SocketAddr;

use byway_api::JSON_LINES;
use byway_base::Code;
use byway_http::server::Limits;
use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{ListNumbers, MISSING, Since, client_of, start, start_with};

/// The numbers that a reader gets, and how the reply ends for it.
async fn read(address: SocketAddr, since: u64) -> (Vec<u64>, Option<Code>) {
    let mut parts = match client_of(address).feed::<ListNumbers>((), Since { since: Some(since) }).await {
        Ok(parts) => parts,
        Err(problem) => return (Vec::new(), Some(problem.code)),
    };
    let mut numbers = Vec::new();
    while let Some(part) = parts.next().await {
        match part {
            Ok(number) => numbers.push(number),
            Err(problem) => return (numbers, Some(problem.code)),
        }
    }
    (numbers, None)
}

/// Stands between client and service and alters the whole reply, head and chunks.
async fn between(service: SocketAddr, alter: impl Fn(String) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = String::new();
            while !request.contains("\r\n\r\n") {
                let mut chunk = [0; 4096];
                let count = client.read(&mut chunk).await.unwrap();
                request.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
            }
            let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            let (mut upstream, mut reply) = (TcpStream::connect(service).await.unwrap(), String::new());
            upstream.write_all(request.as_bytes()).await.unwrap();
            upstream.read_to_string(&mut reply).await.unwrap();
            let _ = client.write_all(alter(reply).as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn all_parts_come_in_order_and_the_end_is_an_end() {
    let running = start().await;
    assert_eq!(read(running.address, MISSING).await, ((14..=20).collect(), None));
    assert_eq!(read(running.address, 20).await, (Vec::new(), None), "nothing is something whole, too");
    assert_eq!(read(running.address, 21).await, (Vec::new(), Some(Code::NotFound)));
}

#[tokio::test]
async fn a_problem_on_the_way_ends_the_reply_with_its_reason() {
    let running = start().await;
    assert_eq!(read(running.address, 10).await, (vec![11, 12], Some(Code::NotReady)));
}

#[tokio::test]
async fn one_who_does_not_ask_for_a_signed_reply_gets_lines_and_a_plain_end() {
    let running = start().await;
    let reply = running.request("GET /v1/numbers?since=19", &running.host(), "").await;
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains(JSON_LINES), "{reply}");
    assert!(reply.contains("{\"part\":20}\n") && reply.contains("{\"end\":{}}\n"), "{reply}");
}

#[tokio::test]
async fn what_was_altered_or_left_out_on_the_way_is_noticed_at_the_end() {
    let running = start().await;
    let through = async |alter: fn(String) -> String| {
        let (_, end) = read(between(running.address, alter).await, 17).await;
        end
    };
    assert_eq!(through(|reply| reply).await, None);
    let altered = through(|reply| reply.replace("{\"part\":18}", "{\"part\":28}")).await;
    assert_eq!(altered, Some(Code::BadSignature));
    let cut = through(|reply| reply.split("{\"part\":20}").next().unwrap().to_owned()).await;
    assert_eq!(cut, Some(Code::ServiceUnreachable));
    let unsealed = through(|reply| {
        let (lines, end) = reply.split_once("{\"end\"").unwrap();
        let (lines, _length) = lines.trim_end().rsplit_once("\r\n").unwrap();
        assert!(end.contains("seal"));
        format!("{lines}\r\nb\r\n{{\"end\":{{}}}}\n\r\n0\r\n\r\n")
    });
    assert_eq!(unsealed.await, Some(Code::BadSignature));
}

#[tokio::test]
async fn replies_in_lines_count_as_streams() {
    let running = start_with(Limits { streams: 0, ..Limits::default() }, &[]).await;
    assert_eq!(read(running.address, 14).await, (Vec::new(), Some(Code::Limit)));
}
