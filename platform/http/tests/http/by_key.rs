//! A service that is reached by its key, over streams that somebody else opens.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use byway_api::Event;
use byway_base::{Code, Problem, PublicKey};
use byway_http::{
    ServiceAddress,
    client::{ByteStream, Client, Dial},
    server::{Limits, Server, Serving},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    net::TcpListener,
    sync::{Notify, Semaphore, watch},
};
use tokio_util::sync::CancellationToken;

use crate::support::*;

/// The service at work behind a pipe, and how often it was dialled.
struct Piped {
    serving: Serving,
    api: Arc<Api>,
    shutdown: CancellationToken,
    dialled: AtomicUsize,
    /// So many streams at first lead nowhere.
    silent: AtomicUsize,
}

impl Piped {
    async fn start(limits: Limits, silent: usize) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api =
            Arc::new(Api { entered: Notify::new(), gate: Semaphore::new(0), newest: watch::Sender::new(20) });
        let shutdown = CancellationToken::new();
        let server = Server::<Notes>::new(api.clone()).authority(&service().public().to_string());
        let serving = server.sign_with(service()).limits(limits).prepare(&listener, shutdown.clone());
        Arc::new(Self {
            serving,
            api,
            shutdown,
            dialled: AtomicUsize::new(0),
            silent: AtomicUsize::new(silent),
        })
    }

    fn connect(&self) -> DuplexStream {
        let (near, far) = duplex(64 * 1024);
        let serving = self.serving.clone();
        tokio::spawn(async move { serving.converse(far).await });
        near
    }

    fn client(self: &Arc<Self>, path: &str) -> Client {
        let address: ServiceAddress = format!("messaging://{}{path}", service().public()).parse().unwrap();
        Client::at(&address, Some(caller()), Some(self.clone())).unwrap()
    }
}

impl Dial for Piped {
    fn dial(&self, key: PublicKey) -> BoxFuture<'_, Result<Box<dyn ByteStream>, Problem>> {
        assert_eq!(key, service().public());
        self.dialled.fetch_add(1, Ordering::SeqCst);
        let less = |silent: usize| silent.checked_sub(1);
        let silent = self.silent.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
        let stream: Box<dyn ByteStream> = if silent { Box::new(Silent) } else { Box::new(self.connect()) };
        async { Ok(stream) }.boxed()
    }
}

/// Takes everything and says nothing.
struct Silent;

impl AsyncRead for Silent {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Silent {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_service_is_called_by_its_key_alone_and_signed_requests_are_for_that_key() {
    let piped = Piped::start(Limits::default(), 0).await;
    let client = piped.client("");
    assert_eq!(client.call::<GetNote>(NotePath { id: 1 }, (), ()).await, Ok(note()));
    let query = NoteQuery { colour: Some(3) };
    let written = client.call::<PutNote>(NotePath { id: 7 }, query, note()).await.unwrap();
    assert_eq!(written, Written { id: 7, colour: Some(3), by: caller().public(), note: note() });
    let missing = client.call::<GetNote>(NotePath { id: 404 }, (), ()).await.unwrap_err();
    assert_eq!(missing.code, Code::NotFound);
    let below = piped.client("/nowhere").call::<GetNote>(NotePath { id: 1 }, (), ()).await.unwrap_err();
    assert_eq!(below.code, Code::NotFound, "the path of the URL goes before");
}

#[tokio::test]
async fn change_streams_work_over_any_stream_and_end_when_the_service_drains() {
    let piped = Piped::start(Limits::default(), 0).await;
    let mut events =
        piped.client("").watch::<WatchNumbers>((), Since { since: Some(19) }, None).await.unwrap();
    assert_eq!(events.next().await, Some(Ok(Event::Item { sequence: 20, item: 20 })));
    piped.api.newest.send_replace(21);
    assert_eq!(events.next().await, Some(Ok(Event::Item { sequence: 21, item: 21 })));
    piped.shutdown.cancel();
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_peer_that_said_nothing_at_all_is_asked_once_more_and_no_more() {
    let piped = Piped::start(Limits::default(), 1).await;
    assert_eq!(piped.client("").call::<GetNote>(NotePath { id: 1 }, (), ()).await, Ok(note()));
    assert_eq!(piped.dialled.load(Ordering::SeqCst), 2);
    let piped = Piped::start(Limits::default(), 2).await;
    let problem = piped.client("").call::<GetNote>(NotePath { id: 1 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::ServiceUnreachable);
    assert_eq!(piped.dialled.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_caller_that_gives_up_takes_its_stream_with_it() {
    let piped = Piped::start(Limits::default(), 0).await;
    let client = piped.client("").with_timeout(Duration::from_millis(50));
    let problem = client.call::<GetNote>(NotePath { id: 504 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Timeout);
}

#[tokio::test]
async fn a_stream_that_dawdles_or_hoards_is_closed() {
    let limits = Limits { header_timeout: Duration::from_millis(50), ..Limits::default() };
    let piped = Piped::start(limits, 0).await;
    let mut silent = piped.connect();
    assert_eq!(silent.read(&mut [0; 64]).await.unwrap_or(0), 0);
    let mut hoarding = piped.connect();
    let head = format!("GET /v1/notes/1 HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(40_000));
    hoarding.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    hoarding.read_to_end(&mut answer).await.unwrap();
    assert_eq!(verdict(&String::from_utf8_lossy(&answer)).0, "431");
}

#[tokio::test]
async fn a_request_that_was_signed_for_another_service_is_refused_by_key_too() {
    let piped = Piped::start(Limits::default(), 0).await;
    let other = caller().public();
    let address: ServiceAddress = format!("messaging://{other}").parse().unwrap();
    /// Leads to the service whatever key is asked for, as nothing that proves keys would.
    struct Astray(Arc<Piped>);
    impl Dial for Astray {
        fn dial(&self, _: PublicKey) -> BoxFuture<'_, Result<Box<dyn ByteStream>, Problem>> {
            self.0.dial(service().public())
        }
    }
    let client = Client::at(&address, Some(caller()), Some(Arc::new(Astray(piped)))).unwrap();
    let problem = client.call::<DeleteNote>(NotePath { id: 7 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::BadSignature);
}

#[test]
fn without_messaging_a_service_behind_its_key_is_refused_beforehand() {
    let url = format!("messaging://{}", service().public());
    let problem = Client::new(&url, None, None).unwrap_err();
    assert!(problem.code == Code::Config && problem.why.contains("no messaging"), "{problem}");
    for url in ["messaging://nobody", "messaging:x", "ftp://a"] {
        assert_eq!(Client::new(url, None, None).unwrap_err().code, Code::Config, "{url}");
    }
}
