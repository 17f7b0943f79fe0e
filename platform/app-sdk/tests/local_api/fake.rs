//! A node of a few lines: no overlay behind it, but the same API before it.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response, Sse, sse},
    routing::{get, post},
};
use byway_api::{
    ProblemDetails,
    local::{
        DATAGRAM_PROTOCOL, DatagramFrame, DialRequest, FROM_HEADER, LocalEvent, ROUTES_HEADER, ResolveReply,
        ResolveRequest, RouteView, STREAM_PROTOCOL,
    },
};
use byway_app_sdk::LocalNode;
use byway_base::{Code, OverlayAddress, Problem, PublicKey, RouteId, SecretKey, TransportType};
use futures_util::stream;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy_bidirectional, duplex},
    net::UnixListener,
    sync::{Mutex, Notify, mpsc},
    task::JoinHandle,
};

type Opened = (OverlayAddress, DuplexStream);

pub(crate) struct FakeNode {
    directory: TempDir,
    shared: Arc<Shared>,
    opened: mpsc::UnboundedSender<Opened>,
    task: JoinHandle<()>,
}

struct Shared {
    incoming: Mutex<mpsc::UnboundedReceiver<Opened>>,
    accept_asked: Notify,
    nobody_comes: AtomicBool,
    held: AtomicBool,
    released: Notify,
    go_on: Notify,
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeNode {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("node.sock")).unwrap();
        let (opened, incoming) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            incoming: Mutex::new(incoming),
            accept_asked: Notify::new(),
            nobody_comes: AtomicBool::new(false),
            held: AtomicBool::new(false),
            released: Notify::new(),
            go_on: Notify::new(),
        });
        let router = Router::new()
            .route("/v1/status", get(async || "all is well"))
            .route("/v1/resolve", post(resolve))
            .route("/v1/events", get(watch))
            .route("/v1/dial", post(dial))
            .route("/v1/datagrams/dial", post(dial_datagrams))
            .route("/v1/listen/80", post(listen))
            .route("/v1/accept/80", post(accept))
            .with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { directory, shared, opened, task }
    }

    pub(crate) fn node(&self) -> LocalNode {
        LocalNode::at(self.directory.path().join("node.sock"))
    }

    /// What a peer opens; the other end goes to whoever accepts.
    pub(crate) fn open(&self, from: OverlayAddress) -> DuplexStream {
        let (ours, theirs) = duplex(1024);
        self.opened.send((from, theirs)).unwrap();
        ours
    }

    pub(crate) async fn accept_asked(&self) {
        self.shared.accept_asked.notified().await;
    }

    pub(crate) fn nobody_comes_at_first(&self) {
        self.shared.nobody_comes.store(true, Ordering::SeqCst);
    }

    pub(crate) fn go_on(&self) {
        self.shared.go_on.notify_one();
    }

    pub(crate) async fn released(&self) {
        self.shared.released.notified().await;
    }
}

pub(crate) fn key() -> PublicKey {
    SecretKey::from_seed([1; 32]).public()
}

pub(crate) fn nobody(name: &str) -> Problem {
    Problem::new(Code::BadKey, format!("cannot tell who '{name}' is"), "nobody has that name")
        .with_hint("ask around")
}

pub(crate) fn routes() -> Vec<RouteView> {
    vec![RouteView {
        route: RouteId::from_bytes([7; 16]),
        active: true,
        rtt_us: Some(1_500),
        hops: Vec::new(),
    }]
}

pub(crate) fn events() -> [LocalEvent; 3] {
    let tcp = TransportType::new("tcp").unwrap();
    [
        LocalEvent::TransportUp { peer: key(), transport_type: tcp.clone() },
        LocalEvent::TransportDown { peer: key(), transport_type: tcp, why: "it was\nclosed".to_owned() },
        LocalEvent::Missed { count: 3 },
    ]
}

fn refusal(problem: Problem) -> Response {
    let status = StatusCode::from_u16(problem.code.http_status()).unwrap();
    (status, Json(ProblemDetails::from(problem))).into_response()
}

async fn resolve(Json(request): Json<ResolveRequest>) -> Response {
    if request.name == "bob" {
        return Json(ResolveReply { key: key(), name: Some(request.name) }).into_response();
    }
    refusal(nobody(&request.name))
}

async fn watch() -> Response {
    let events = events().map(|event| {
        Ok::<_, Infallible>(sse::Event::default().id("1").event("item").json_data(event).unwrap())
    });
    Sse::new(stream::iter(events)).into_response()
}

async fn dial(mut request: Request) -> Response {
    let upgrade = upgrade_of(&mut request, STREAM_PROTOCOL);
    let body = axum::body::to_bytes(request.into_body(), 4096).await.unwrap();
    let wanted: DialRequest = serde_json::from_slice(&body).unwrap();
    if wanted.peer != "bob" {
        return refusal(nobody(&wanted.peer));
    }
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        stream.write_all(b"hello ").await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.write_all(b" goodbye").await.unwrap();
        write.shutdown().await.unwrap();
    });
    switch(STREAM_PROTOCOL, ROUTES_HEADER, &serde_json::to_string(&routes()).unwrap())
}

/// Sends back what it gets, with twice the size from then on; ends at a goodbye, and stands still when told to wait.
async fn dial_datagrams(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let upgrade = upgrade_of(&mut request, DATAGRAM_PROTOCOL);
    let body = axum::body::to_bytes(request.into_body(), 4096).await.unwrap();
    let wanted: DialRequest = serde_json::from_slice(&body).unwrap();
    if wanted.peer != "bob" {
        return refusal(nobody(&wanted.peer));
    }
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut max = 1_000;
        stream.write_all(&DatagramFrame::Maximum(max).to_bytes()).await.unwrap();
        while let Ok(length) = stream.read_u16().await {
            let mut frame = vec![0; length.into()];
            stream.read_exact(&mut frame).await.unwrap();
            let DatagramFrame::Datagram(datagram) = DatagramFrame::read(&frame).unwrap() else {
                panic!("an app sends datagrams only");
            };
            match datagram {
                b"goodbye" => return,
                b"wait" => shared.go_on.notified().await,
                datagram => {
                    stream.write_all(&DatagramFrame::Datagram(datagram).to_bytes()).await.unwrap();
                    max = (max * 2).min(4_000);
                    stream.write_all(&DatagramFrame::Maximum(max).to_bytes()).await.unwrap();
                }
            }
        }
    });
    switch(DATAGRAM_PROTOCOL, ROUTES_HEADER, &serde_json::to_string(&routes()).unwrap())
}

async fn listen(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    if shared.held.swap(true, Ordering::SeqCst) {
        return refusal(Problem::new(Code::Conflict, "cannot listen", "another app does"));
    }
    let upgrade = upgrade_of(&mut request, STREAM_PROTOCOL);
    tokio::spawn(async move {
        let mut hold = TokioIo::new(upgrade.await.unwrap());
        assert_eq!(hold.read(&mut [0]).await.unwrap(), 0);
        shared.held.store(false, Ordering::SeqCst);
        shared.released.notify_one();
    });
    switch(STREAM_PROTOCOL, "x-port", "80")
}

async fn accept(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    if shared.nobody_comes.swap(false, Ordering::SeqCst) {
        return refusal(Problem::new(Code::Timeout, "cannot answer the request", "it took too long"));
    }
    shared.accept_asked.notify_one();
    let upgrade = upgrade_of(&mut request, STREAM_PROTOCOL);
    let (from, mut stream) = shared.incoming.lock().await.recv().await.unwrap();
    tokio::spawn(async move {
        let mut local = TokioIo::new(upgrade.await.unwrap());
        let _ = copy_bidirectional(&mut local, &mut stream).await;
    });
    switch(STREAM_PROTOCOL, FROM_HEADER, &from.to_string())
}

fn upgrade_of(request: &mut Request, protocol: &str) -> OnUpgrade {
    assert_eq!(request.headers()["upgrade"], protocol);
    request.extensions_mut().remove::<OnUpgrade>().unwrap()
}

fn switch(protocol: &str, name: &str, value: &str) -> Response {
    let head = Response::builder().status(101).header("connection", "upgrade").header("upgrade", protocol);
    head.header(name, value).body(Body::empty()).unwrap()
}
