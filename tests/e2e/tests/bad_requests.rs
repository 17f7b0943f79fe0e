//! Requests that services and nodes refuse: each with the code of its reason as problem details (RFC 9457), the same on
//! the local API as over HTTP, and with nothing changed by it.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use byway_api::{
    local::{DialRequest, GetStatus, ListRoutes, STREAM_PROTOCOL},
    setup_node,
    transport_discovery::{DeleteTransport, EntryQuery, TransportPath},
};
use byway_app_sdk::LocalNode;
use byway_base::{Code, Port, SecretKey, TransportId, limits::HTTP_BODY_MAX};
use byway_e2e::{Apps, Network, PATIENCE, dial};
use byway_testkit::wait::until;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

/// Sends a request as it is and reads the problem that must come back, with the status of its code.
async fn refused(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    body: &[u8],
    code: Code,
) -> Value {
    let fields = format!("Host: localhost\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(format!("{head}\r\n{fields}\r\n").as_bytes()).await.unwrap();
    // Who refuses by the head alone need not read the body.
    let _ = stream.write_all(body).await;
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    // The connection may stay open after the answer.
    while !complete(&reply) {
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{head}: the reply ended early: {}", String::from_utf8_lossy(&reply));
        reply.extend_from_slice(&buffer[..length]);
    }
    let reply = String::from_utf8(reply).unwrap();
    let (answer, problem) = reply.split_once("\r\n\r\n").unwrap();
    assert!(answer.contains("application/problem+json"), "{head}: {reply}");
    let problem: Value = serde_json::from_str(problem).unwrap();
    assert_eq!(problem["code"], code.as_str(), "{head}: {reply}");
    for part in ["type", "title", "detail", "what", "why", "try"] {
        assert!(
            problem[part].as_str().is_some_and(|text| !text.is_empty()),
            "{head} has no `{part}`: {reply}"
        );
    }
    let status = problem["status"].as_u64().unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {reply}");
    // A method that a path does not take has a status of its own.
    assert!(status == u64::from(code.http_status()) || status == 405, "{head}: {reply}");
    problem
}

/// Whether the reply's head and as much of the body as it announces are there.
fn complete(reply: &[u8]) -> bool {
    let text = String::from_utf8_lossy(reply).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.split_once("content-length: ").map(|(_, rest)| rest.lines().next().unwrap().parse().unwrap());
    length.is_some_and(|length: usize| body.len() >= length)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_refuse_what_is_malformed_unsigned_or_not_the_callers_to_do() {
    let network = Network::start(None).await;
    let connect = async |name| TcpStream::connect(network.process(name).address("http")).await.unwrap();
    for name in ["transport-discovery", "messaging-discovery", "route-finder", "setup-node"] {
        refused(connect(name).await, "GET /v1/nothing HTTP/1.1", b"", Code::NotFound).await;
        refused(connect(name).await, "PATCH /v1/stats HTTP/1.1", b"", Code::Usage).await;
    }
    let json = "Content-Type: application/json";
    let cases: [(&str, &str, &[u8], Code); 7] = [
        ("transport-discovery", "GET /v1/transports/xyz HTTP/1.1", b"", Code::Usage),
        ("transport-discovery", "GET /v1/transports?colour=red HTTP/1.1", b"", Code::Usage),
        ("transport-discovery", "POST /v1/heartbeats HTTP/1.1", b"{}", Code::Unsigned),
        ("messaging-discovery", "POST /v1/records:lookup HTTP/1.1", b"{", Code::Usage),
        ("messaging-discovery", "POST /v1/records:lookup HTTP/1.1", b"{\"keys\":[\"nobody\"]}", Code::Usage),
        (
            "messaging-discovery",
            "POST /v1/records:lookup HTTP/1.1",
            &[b' '; HTTP_BODY_MAX + 1],
            Code::TooLarge,
        ),
        ("route-finder", "POST /v1/paths:find HTTP/1.1", b"{}", Code::Unsigned),
    ];
    for (name, head, body, code) in cases {
        refused(connect(name).await, &format!("{head}\r\n{json}"), body, code).await;
    }

    let stranger = SecretKey::from_seed([9; 32]);
    let id = network.transports().await.unwrap()[0].id;
    let client = network.client("transport-discovery", stranger.clone());
    let of = EntryQuery { issued: byway_clock::unix_now() };
    let problem = client.call::<DeleteTransport>(TransportPath { id }, of, ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Denied, "{problem}");
    let client = network.client("setup-node", stranger);
    let problem = client.call::<setup_node::ListRoutes>((), Default::default(), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Denied, "{problem}");
    network.recovered().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_refuses_dials_with_the_code_of_their_reason_and_keeps_nothing_of_them() {
    let network = Network::start(None).await;
    let destination = network.key("destination").to_string();
    let own = network.key("source").to_string();
    let unknown = TransportId::from_bytes([7; 16]);
    let nobody = SecretKey::from_seed([9; 32]).public().to_string();
    let connect = async || UnixStream::connect(network.process("source").address("socket")).await.unwrap();
    let cases = [
        (serde_json::json!({ "peer": "nobody", "port": 80 }), Code::BadKey),
        (serde_json::json!({ "peer": destination, "port": 80, "policy": "hops>2" }), Code::BadPolicy),
        (serde_json::json!({ "peer": destination, "port": 80, "policy": "via=nobody" }), Code::BadKey),
        (serde_json::json!({ "peer": destination, "port": 80, "policy": "hops=5" }), Code::NoPath),
        (serde_json::json!({ "peer": destination, "port": 80, "path": [unknown] }), Code::BadPath),
        (serde_json::json!({ "peer": destination, "port": 80 }), Code::NoListener),
        (serde_json::json!({ "peer": destination, "port": 0 }), Code::BadAddress),
        (serde_json::json!({ "peer": destination, "port": 65_536 }), Code::Usage),
        (serde_json::json!({ "peer": destination }), Code::Usage),
        (serde_json::json!({ "peer": destination, "port": 80, "colour": "red" }), Code::Usage),
        (serde_json::json!({ "peer": own, "port": 80 }), Code::BadAddress),
        (serde_json::json!({ "peer": nobody, "port": 80 }), Code::NoPath),
    ];
    let upgrade = format!("Connection: upgrade\r\nUpgrade: {STREAM_PROTOCOL}");
    let head = format!("POST /v1/dial HTTP/1.1\r\n{upgrade}");
    for (request, code) in cases {
        let body = serde_json::to_vec(&request).unwrap();
        let problem = refused(connect().await, &head, &body, code).await;
        if code == Code::BadPolicy {
            assert!(problem["why"].as_str().unwrap().starts_with("column 1:"), "{problem}");
        }
    }
    refused(connect().await, "POST /v1/dial HTTP/1.1", b"{}", Code::Usage).await;
    for port in ["0", "65536", "web"] {
        for verb in ["listen", "accept"] {
            refused(
                connect().await,
                &format!("POST /v1/{verb}/{port} HTTP/1.1\r\n{upgrade}"),
                b"",
                Code::BadAddress,
            )
            .await;
        }
    }
    refused(connect().await, &format!("POST /v1/accept/80 HTTP/1.1\r\n{upgrade}"), b"", Code::NotFound).await;
    refused(connect().await, "GET /v1/nothing HTTP/1.1", b"", Code::NotFound).await;

    let node = network.node("source");
    assert_eq!(node.call::<ListRoutes>((), (), ()).await.unwrap().sessions, []);
    for name in ["source", "a", "b", "destination"] {
        let empty = async || {
            let status = network
                .node(name)
                .call::<GetStatus>((), (), ())
                .await
                .map_err(|problem| problem.to_string())?;
            if status.rules == 0 { Ok(()) } else { Err(format!("{name} holds {} rules", status.rules)) }
        };
        until("nodes without rules", PATIENCE, empty).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_has_one_app_at_a_time() {
    let network = Network::start(None).await;
    let node = network.node("destination");
    let first = node.listen(Port(80)).await.unwrap();
    assert_eq!(node.listen(Port(80)).await.unwrap_err().code, Code::Conflict);
    drop(first);
    let again = async || node.listen(Port(80)).await;
    until("port that its app let go", PATIENCE, again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hangs_or_is_gone_is_told_by_its_code_within_the_time_for_a_dial() {
    let mut network = Network::start(None).await;
    let mut apps = Apps::at(network.node("destination"));
    let (source, destination) = (network.node("source"), network.key("destination"));
    let port = apps.echo().await;
    let code = async |policy: &str| {
        let policy = Some(policy.to_owned());
        let request = DialRequest { peer: destination.to_string(), port, policy, path: None };
        source.dial(request).await.unwrap_err().code
    };

    network.process("route-finder").freeze();
    assert_eq!(code("hops=3").await, Code::Timeout);
    network.process("route-finder").thaw();
    network.process("setup-node").freeze();
    assert_eq!(code("hops=3").await, Code::SetupUnreachable);
    network.process("setup-node").thaw();
    dial(&source, destination, port).await;

    network.kill9(&["setup-node"]);
    assert_eq!(code("hops=3 prefer=hops").await, Code::SetupUnreachable);
    network.kill9(&["route-finder"]);
    assert_eq!(code("hops=3 prefer=latency").await, Code::ServiceUnreachable);
    network.kill9(&["source"]);
    assert_eq!(code("hops=3").await, Code::NodeUnreachable);
    assert_eq!(LocalNode::connect("/nonexistent/node.sock").await.unwrap_err().code, Code::NodeUnreachable);
}
