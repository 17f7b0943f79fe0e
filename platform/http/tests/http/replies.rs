//! Whose reply it is, with somebody between client and service.

use std::net::SocketAddr;

use byway_base::{Code, SecretKey};
use byway_http::client::Client;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::*;

/// Somebody between client and service: passes requests on, and replies through `alter`.
async fn between(
    service: SocketAddr,
    mut alter: impl FnMut(String) -> String + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let request = read_message(&mut client).await;
            let reply = alter(pass_on(service, &request).await);
            let _ = client.write_all(reply.as_bytes()).await;
        }
    });
    address
}

async fn pass_on(service: SocketAddr, request: &str) -> String {
    let mut upstream = TcpStream::connect(service).await.unwrap();
    upstream.write_all(request.as_bytes()).await.unwrap();
    read_message(&mut upstream).await
}

/// A request or reply with a body of known length.
async fn read_message(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        text.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if count == 0 || body.len() >= length.parse().unwrap() {
            return text;
        }
    }
}

fn without(reply: &str, header: &str) -> String {
    let lines = reply.split("\r\n").filter(|line| !line.starts_with(header));
    lines.collect::<Vec<_>>().join("\r\n")
}

async fn read_through(alter: impl FnMut(String) -> String + Send + 'static) -> Result<Note, Code> {
    let running = start().await;
    let client = client_of(between(running.address, alter).await);
    client.call::<GetNote>(NotePath { id: 1 }, (), ()).await.map_err(|problem| problem.code)
}

#[tokio::test]
async fn a_signed_reply_passes_through_unharmed() {
    assert_eq!(read_through(|reply| reply).await, Ok(note()));
}

#[tokio::test]
async fn an_altered_reply_is_refused() {
    assert_eq!(read_through(|reply| reply.replace("hello", "HELLO")).await, Err(Code::BadSignature));
    assert_eq!(read_through(|reply| reply.replace("200 OK", "203 OK")).await, Err(Code::BadSignature));
}

#[tokio::test]
async fn a_reply_stripped_of_its_signature_is_refused() {
    assert_eq!(read_through(|reply| without(&reply, "signature")).await, Err(Code::BadSignature));
    assert_eq!(read_through(|reply| without(&reply, "content-digest")).await, Err(Code::BadSignature));
}

#[tokio::test]
async fn a_reply_to_an_earlier_request_is_refused() {
    let running = start().await;
    let mut kept = None;
    let address = between(running.address, move |reply| kept.get_or_insert(reply).clone()).await;
    let read = async || client_of(address).call::<GetNote>(NotePath { id: 1 }, (), ()).await;
    assert_eq!(read().await, Ok(note()));
    assert_eq!(read().await.unwrap_err().code, Code::BadSignature);
}

#[tokio::test]
async fn a_made_up_refusal_is_not_believed() {
    let forged = "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(read_through(|_| forged.to_owned()).await, Err(Code::BadSignature));
}

#[tokio::test]
async fn another_service_at_the_same_address_is_refused() {
    let running = start().await;
    let expected = SecretKey::from_seed([9; 32]).public();
    let client = Client::new(&format!("http://{}", running.address), None, Some(expected)).unwrap();
    let problem = client.call::<GetNote>(NotePath { id: 1 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::BadSignature);
    assert!(problem.hint.contains(&expected.to_string()), "{problem:?}");
    let refused = client.watch::<WatchNumbers>((), Since::default(), None).await.err().unwrap();
    assert_eq!(refused.code, Code::BadSignature);
}

#[tokio::test]
async fn problems_are_signed_as_well() {
    let running = start().await;
    let client =
        client_of(between(running.address, |reply| reply.replace("there is none", "there was one")).await);
    let problem = client.call::<GetNote>(NotePath { id: 404 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::BadSignature);
}

#[tokio::test]
async fn a_client_that_expects_no_key_reads_replies_as_they_are() {
    let running = start().await;
    let address = between(running.address, |reply| without(&reply, "signature")).await;
    let client = Client::new(&format!("http://{address}"), None, None).unwrap();
    assert_eq!(client.call::<GetNote>(NotePath { id: 1 }, (), ()).await, Ok(note()));
}

#[tokio::test]
async fn a_client_whose_request_was_overtaken_by_its_copy_signs_anew_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = start_with(Default::default(), &[&address.to_string()]).await;
    let service = running.address;
    let copies = tokio::spawn(async move {
        for copied in [true, false] {
            let (mut client, _) = listener.accept().await.unwrap();
            let request = read_message(&mut client).await;
            if copied {
                assert_eq!(verdict(&pass_on(service, &request).await).0, "200");
            }
            client.write_all(pass_on(service, &request).await.as_bytes()).await.unwrap();
        }
    });
    let written = client_of(address).call::<PutNote>(NotePath { id: 7 }, NoteQuery::default(), note()).await;
    assert_eq!(written.unwrap().by, caller().public());
    copies.await.unwrap();
}
