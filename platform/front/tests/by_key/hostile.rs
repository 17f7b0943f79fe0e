//! What strangers try, and what they get.

use byway_base::{Code, limits::SERVICE_STREAMS_PER_CONNECTION};
use byway_messaging_client::{ALPN_SERVICE, MessagingClient};
use tokio_util::sync::CancellationToken;

use crate::{
    small::{Echo, Small, said},
    support::{Caller, Net, secret},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_never_finished_hold_up_nobody_else() {
    let net = Net::start().await;
    let service = Small::start(10, &net.messaging(None)).await;
    let stranger = Caller::start(66, &net.messaging(None)).await;
    let connection = stranger.messaging.connect(service.key, ALPN_SERVICE).await.unwrap();
    let mut dawdling = Vec::new();
    for _ in 0..4 * SERVICE_STREAMS_PER_CONNECTION {
        let (mut send, receive) = connection.open_bi().await.unwrap();
        send.write_all(b"POST /v1/echo HTTP/1.1\r\nhost: ").await.unwrap();
        dawdling.push((send, receive));
    }
    let caller = Caller::start(20, &net.messaging(None)).await;
    let heard = caller.client(service.key).call::<Echo>((), (), said("hello")).await.unwrap();
    assert_eq!(heard.text, "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_too_large_are_refused() {
    let net = Net::start().await;
    let service = Small::start(10, &net.messaging(None)).await;
    let stranger = Caller::start(66, &net.messaging(None)).await;
    let connection = stranger.messaging.connect(service.key, ALPN_SERVICE).await.unwrap();
    let field = format!("POST /v1/echo HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let body = format!(
        "POST /v1/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3000000\r\n\r\n{}",
        "x".repeat(3_000_000)
    );
    for (request, status) in [(field, "431"), (body, "413")] {
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        let writing = tokio::spawn(async move {
            // The service stops reading when it has seen enough.
            let _ = send.write_all(request.as_bytes()).await;
        });
        let mut answer = vec![0; 12];
        receive.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
        drop(receive);
        writing.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_write_is_refused_by_key_too() {
    let net = Net::start().await;
    let service = Small::start(10, &net.messaging(None)).await;
    let caller = Caller::start(20, &net.messaging(None)).await;
    let address = format!("messaging://{}", service.key).parse().unwrap();
    let keyless = byway_http::client::Client::at(&address, None, Some(caller.messaging.services())).unwrap();
    assert_eq!(keyless.call::<Echo>((), (), said("hello")).await.unwrap_err().code, Code::Unsigned);
    let connection = caller.messaging.connect(service.key, ALPN_SERVICE).await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let request = "POST /v1/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    send.write_all(request.as_bytes()).await.unwrap();
    let answer = receive.read_to_end(100_000).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 401"), "the connection's key is no signature");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_no_service_of_that_key_gives_no_answers() {
    let net = Net::start().await;
    let caller = Caller::start(20, &net.messaging(None)).await;
    // Somebody else's key: there, but it serves nothing.
    let other =
        MessagingClient::start(net.messaging(None).client(&secret(30)).unwrap(), CancellationToken::new());
    other.unwrap().ready().await;
    // And a key that nobody has.
    for key in [secret(30).public(), secret(31).public()] {
        let refused = caller.client(key).call::<Echo>((), (), said("hello")).await.unwrap_err();
        assert!(matches!(refused.code, Code::ServiceUnreachable | Code::Timeout), "{refused}");
    }
}
