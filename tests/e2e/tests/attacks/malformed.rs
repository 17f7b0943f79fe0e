//! Row 14: bytes that are no message, at every decoder that strangers reach. The decoders themselves are fuzzed and
//! replayed in `tests/fuzz`; here whole services must stay as they were, and serve an honest peer afterwards.

mod sessions;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use byway_api::local::GetStatus;
use byway_app_sdk::LocalNode;
use byway_base::{Code, RouteId, RoutingId, limits::SETUP_MESSAGE_MAX};
use byway_clock::unix_now;
use byway_messaging_client::ALPN_SERVER;
use byway_net::{Expect, Identity, tcp};
use byway_node::{Node, NodeService, PathChoice};
use byway_service_kit::{Service, Shutdown};
use byway_testkit::wait::until;
use byway_wire::{
    Packet, Reason, TransportEntry, Wire, encode,
    link::{Offer, VERSION},
    messaging::Frame,
    setup::{InitiatorTag, NodeMessage, Reply, Role, Side, decode_message, encode_message},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::support::{
    Garbage, Hand, HandLink, PATIENCE, Plane, authenticate, dial_echo, echo, exchange, key, pattern, secret,
    send_raw, tcp as tcp_type, tcp_between, verdict,
};

/// Bytes that cannot all be the beginning of something valid.
const MUCH: usize = 64 * 1024;
/// Attempts at each decoder.
const ATTEMPTS: usize = 60;

/// Panics of any task of this process. A task that panics harms nobody but itself, which is why tests must look.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        report(info);
    }));
}

#[track_caller]
fn nothing_panicked() {
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}

/// Sends bytes and waits until the other side ends the connection; gives what it said.
async fn say_and_leave(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let exchange = async {
        // The other side may have closed already.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, exchange).await.expect("the connection ends");
    answer
}

fn offer(node: &Node) -> Vec<u8> {
    let entry = TransportEntry::new(key(66), node.key(), tcp_type(), unix_now());
    encode(&Offer { version: VERSION, issued: entry.issued, signature: entry.sign(&secret(66)) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_takes_no_harm_from_garbage_at_its_transport_port() {
    count_panics();
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let nodes = plane.row(&[1, 2], &[setup_node.key]).await;
    let (source, victim) = (&nodes[0], &nodes[1]);
    echo(victim);
    let mut stream = dial_echo(source, victim, PathChoice::default()).await;
    let (mut garbage, address) = (Garbage::new(), victim.listen_address().unwrap());
    for _ in 0..ATTEMPTS {
        say_and_leave(TcpStream::connect(address).await.unwrap(), &garbage.bytes(MUCH)).await;
        let wrong = [garbage.damaged(&offer(victim)), garbage.bytes(MUCH)].concat();
        say_and_leave(authenticate(&secret(66), victim.key(), address).await.stream, &wrong).await;

        let link = HandLink::open(&secret(66), victim).await;
        let mut valid = Vec::new();
        Packet::ending(byway_wire::Kind::Close, RoutingId(5), Reason::Closed, 0).write(&mut valid);
        link.sender().send_bytes([garbage.damaged(&valid), garbage.bytes(MUCH)].concat());
        link.closed().await;
    }
    exchange(&mut stream, &pattern(1024 * 1024)).await;
    let honest = async || match &victim.transports()[..] {
        [one] if one.peer == source.key() => Ok(()),
        others => Err(format!("{others:?}")),
    };
    until("honest transport and no other", PATIENCE, honest).await;
    nothing_panicked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_messaging_server_takes_no_harm_from_garbage_of_its_clients() {
    count_panics();
    let plane = Plane::start().await;
    let bystander = Hand::start(&secret(1), &plane).await;
    let node = plane.node(2, &[]).await;
    let (mut garbage, server) = (Garbage::new(), plane.server());
    let connection = bystander.connection(node.key()).await;
    for attempt in 0..ATTEMPTS {
        say_and_leave(TcpStream::connect(server.address).await.unwrap(), &garbage.bytes(MUCH)).await;
        let (identity, expect) = (Identity::new(secret(66)), Expect::Exactly(server.key));
        let client = tcp::connect(server.address, &identity, expect, ALPN_SERVER, PATIENCE).await.unwrap();
        let mut valid = Vec::new();
        let payload = garbage.bytes(attempt * 100).into();
        Frame::Send { destination: node.key(), payload }.write(&mut valid);
        say_and_leave(client.stream, &[garbage.damaged(&valid), garbage.bytes(MUCH)].concat()).await;
    }
    assert!(connection.close_reason().is_none(), "the others' connection never broke");
    let message = NodeMessage::Undo { route: RouteId::from_bytes([1; 16]) };
    assert!(matches!(bystander.call(node.key(), message).await, Reply::Failed { .. }));
    assert!(plane.messaging_server.health.is_ready());
    nothing_panicked();
}

/// What is no message, or not all of one.
fn damaged<T: Wire>(garbage: &mut Garbage, valid: &T) -> Vec<Vec<u8>> {
    let valid = encode_message(valid);
    let mut attempts = vec![Vec::new(), vec![0], vec![1], vec![255; 100], [&valid[..], &[0]].concat()];
    attempts.extend((1..valid.len()).map(|end| valid[..end].to_vec()));
    attempts.extend((0..ATTEMPTS).map(|_| garbage.damaged(&valid)));
    attempts.extend((0..ATTEMPTS).map(|length| garbage.bytes(length * 7)));
    attempts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_setup_streams_is_answered_for_itself_by_nodes_and_setup_nodes() {
    count_panics();
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let hand = Hand::start(&secret(240), &plane).await;
    let nodes = plane.row(&[1, 2], &[hand.key(), setup_node.key]).await;
    let side = |transport| Side { transport, label_in: RoutingId(7), label_out: RoutingId(9) };
    let install = NodeMessage::Install {
        route: RouteId::from_bytes([1; 16]),
        initiator: InitiatorTag::default(),
        previous: side(tcp_between(nodes[0].key(), nodes[1].key())),
        // There is no such transport, whatever else damage makes of the message.
        role: Role::Intermediate { next: side(tcp_between(nodes[1].key(), key(9))) },
    };
    let mut garbage = Garbage::new();
    for to in [nodes[1].key(), setup_node.key] {
        let connection = hand.connection(to).await;
        for attempt in damaged(&mut garbage, &install) {
            let reply = hand.exchange(to, &attempt).await;
            // What damage made another message of may be refused, and what it left as it was done.
            let reply = decode_message::<Reply>(&reply.expect("an answer")).unwrap();
            assert!(decode_message::<NodeMessage>(&attempt).is_ok() || is_refusal(&reply), "{reply:?}");
        }
        let too_long = hand.exchange(to, &garbage.bytes(SETUP_MESSAGE_MAX + 1)).await;
        let refusal = too_long.map(|reply| decode_message::<Reply>(&reply).unwrap());
        assert!(matches!(refusal, None | Some(Reply::Failed { .. })), "{refusal:?}");
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(&[1, 1]).await.unwrap();
        send.reset(0u32.into()).unwrap();
        assert!(connection.close_reason().is_none(), "one stream never costs the others");
    }
    assert_eq!(nodes[1].rules(), 0);
    echo(&nodes[1]);
    // The hand is the first that the node asks; the other setup node answers.
    drop(hand);
    let mut stream = dial_echo(&nodes[0], &nodes[1], PathChoice::default()).await;
    exchange(&mut stream, b"all is well").await;
    nothing_panicked();
}

fn is_refusal(reply: &Reply) -> bool {
    matches!(reply, Reply::Failed { failure } if failure.code == Code::Protocol)
}

/// Requests that are none, or ask for what there is not, with a body that is not there or not JSON.
fn wrong_requests(garbage: &mut Garbage, paths: &[&str]) -> Vec<Vec<u8>> {
    let mut wrong: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(MUCH)).into_bytes(),
        format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(1_000)).into_bytes(),
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nxyz".to_vec(),
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_vec(),
    ];
    for path in paths {
        for body in ["", "{", "null", "[]", "{\"x\":", "\"\u{0}\"", &"[".repeat(10_000)] {
            let head = "host: x\r\nconnection: close\r\ncontent-type: application/json";
            let text = format!("{path} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            wrong.push(text.into_bytes());
        }
        let head =
            format!("{path} HTTP/1.1\r\nhost: x\r\nsignature: byway=::\r\nsignature-input: byway=(\r\n");
        wrong.push(format!("{head}connection: close\r\ncontent-length: 0\r\n\r\n").into_bytes());
    }
    wrong.extend((0..ATTEMPTS).map(|_| garbage.bytes(1_000)));
    let valid = b"GET /v1/stats HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    wrong.extend((0..ATTEMPTS).map(|_| garbage.damaged(valid)));
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_http_service_takes_harm_from_what_is_no_request_of_its() {
    count_panics();
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let services = [
        (
            &plane.transport_discovery,
            &["PUT /v1/transports/x", "POST /v1/heartbeats", "GET /v1/transports/%00"][..],
        ),
        (
            &plane.messaging_discovery,
            &["PUT /v1/records/x", "POST /v1/records:lookup", "GET /v1/servers?limit=x"],
        ),
        (&plane.route_finder, &["POST /v1/paths:find", "POST /v1/paths:explain", "POST /v1/paths:batch"]),
        (&setup_node, &["GET /v1/routes?limit=-1", "DELETE /v1/routes/x"]),
    ];
    let mut garbage = Garbage::new();
    for (service, paths) in services {
        for wrong in wrong_requests(&mut garbage, paths) {
            let stream = TcpStream::connect(service.address).await.unwrap();
            let answer = String::from_utf8_lossy(&say_and_leave(stream, &wrong).await).into_owned();
            let (status, _) = verdict(&answer);
            let described = || String::from_utf8_lossy(&wrong[..wrong.len().min(200)]).into_owned();
            assert!(status < 500 || status == 505, "{}: {answer}", described());
        }
        service.ready().await;
        assert_eq!(verdict(&stats(service.address).await).0, 200);
    }
    nothing_panicked();
}

async fn stats(address: SocketAddr) -> String {
    send_raw(
        address,
        format!("GET /v1/stats HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes(),
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_api_takes_no_harm_from_what_is_no_request_of_its() {
    count_panics();
    let (plane, directory) = (Plane::start().await, tempfile::tempdir().unwrap());
    let mut config = plane.node_config(1, &[]);
    let socket = directory.path().join("node.sock");
    config.socket = Some(socket.clone());
    let service = NodeService::bind(config).await.unwrap();
    let shutdown = Shutdown::new(Duration::from_secs(2));
    let serving = tokio::spawn(service.serve(shutdown.clone()));
    let local = LocalNode::at(&socket);
    let answers = async || local.call::<GetStatus>((), (), ()).await;
    until("answer", PATIENCE, answers).await;
    let paths =
        ["POST /v1/dial", "POST /v1/listen/x", "POST /v1/listen/99999", "POST /v1/accept/5", "POST /v1/ping"];
    let mut garbage = Garbage::new();
    for mut wrong in wrong_requests(&mut garbage, &paths) {
        say_and_leave(UnixStream::connect(&socket).await.unwrap(), &wrong).await;
        // The same, asking for a stream.
        if let Some(end) = wrong.windows(4).position(|window| window == b"\r\n\r\n") {
            let upgrade = b"\r\nupgrade: byway-stream\r\nconnection: upgrade";
            wrong.splice(end..end, upgrade.iter().copied());
            say_and_leave(UnixStream::connect(&socket).await.unwrap(), &wrong).await;
        }
    }
    assert_eq!(answers().await.unwrap().key, key(1));
    nothing_panicked();
    shutdown.begin();
    serving.await.unwrap().unwrap();
}
