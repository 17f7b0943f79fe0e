//! Row 7: there is no plaintext mode, neither between nodes nor from end to end.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use byway_net::{Expect, Identity, tcp};
use byway_node::{Node, PathChoice, Wanted};
use byway_testkit::wait::until;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::support::{
    ALPN, HandNode, PATIENCE, Plane, dial_echo, echo, exchange, key, pattern, secret, tcp as tcp_type,
    tcp_between, tcp_to,
};

/// What is sent end to end, over and over: anybody who sees it once knows it again.
const MARKER: &[u8] = b"what the two ends say to each other is nobody else's business ";

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A TLS 1.2 ClientHello (RFC 5246, 7.4.1.2) with the usual suites and no extension, so that 1.3 is not on offer.
fn client_hello_of_tls_1_2() -> Vec<u8> {
    let suites: [u8; 6] = [0xc0, 0x2b, 0xc0, 0x2f, 0x00, 0x9c];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, suites.len() as u8]);
    body.extend(suites);
    body.extend([1, 0]);
    let mut message = vec![1, 0, 0, body.len() as u8];
    message.extend(body);
    let mut record = vec![22, 3, 1, 0, message.len() as u8];
    record.extend(message);
    record
}

/// Believes anybody, as an attacker may.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Offers to prove a key, and then has none.
#[derive(Debug)]
struct Keyless;

impl ResolvesClientCert for Keyless {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A TLS 1.3 client that proves no key.
fn keyless_client(alpn: &[u8]) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let verifier = Arc::new(Anybody);
    let config = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = config.with_client_cert_resolver(Arc::new(Keyless));
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Sends bytes and gives what comes back until the other side closes.
async fn say(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let exchange = async {
        // The other side may have closed already.
        let _ = stream.write_all(bytes).await;
        let _ = stream.flush().await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    timeout(PATIENCE, exchange).await.expect("the other side closes");
    answer
}

/// A TLS alert and nothing after it, or nothing at all.
fn is_refusal(answer: &[u8]) -> bool {
    const ALERT: usize = 7;
    answer.is_empty() || (answer.len() == ALERT && answer[0] == 21)
}

/// Tries everything but TLS 1.3 with a key and the right protocol.
async fn attempt_all(address: SocketAddr, alpn: &[u8]) {
    let connect = async || TcpStream::connect(address).await.unwrap();
    let offer = [&[1u8][..], &[0; 72]].concat();
    for plain in [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], &offer, &[1, 0, 0, 32, 0, 0, 0, 0]] {
        assert!(is_refusal(&say(connect().await, plain).await), "{plain:?}");
    }
    let answer = say(connect().await, &client_hello_of_tls_1_2()).await;
    assert!(is_refusal(&answer) && answer.starts_with(&[21, 3, 3, 0, 2, 2]), "no fatal alert: {answer:?}");

    let name = || ServerName::try_from("x").unwrap();
    // TLS 1.3 clients are done before the server has judged them; what they say next is never heard.
    let stream = keyless_client(alpn).connect(name(), connect().await).await.unwrap();
    assert!(say(stream, &offer).await.is_empty(), "nothing is said to who proved no key");

    let identity = Identity::new(secret(66));
    let nameless = TlsConnector::from(identity.client_config(Expect::Any, &[]));
    if let Ok(stream) = nameless.connect(name(), connect().await).await {
        assert!(say(stream, &offer).await.is_empty(), "nor to who names no protocol");
    }
    let other = tcp::connect(address, &identity, Expect::Any, b"http/1.1", PATIENCE).await;
    assert!(other.is_err(), "nor another than this");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_tls_1_3_with_a_key_gets_anywhere_at_a_nodes_or_messaging_servers_port() {
    let plane = Plane::start().await;
    let node = plane.node(1, &[]).await;
    attempt_all(node.listen_address().unwrap(), ALPN).await;
    attempt_all(plane.messaging_server.address, byway_messaging_client::ALPN_SERVER).await;
    assert!(node.transports().is_empty());

    let mut config = plane.node_config(2, &[]);
    config.transports = vec![tcp_to(&node)];
    let honest = Node::start(config).await.unwrap();
    let up = async || if node.transports().len() == 1 { Ok(()) } else { Err("it is not up") };
    until("honest transport", PATIENCE, up).await;
    honest.messaging().ready().await;
}

/// Two nodes, and one by hand between them, which sees what goes over it through `alter`.
async fn over_a_hand_made_node(
    plane: &Plane,
    alter: impl FnMut(&mut Vec<u8>) + Send + 'static,
) -> (Node, Node, byway_node::OverlayStream, Arc<Mutex<Vec<u8>>>) {
    let setup_node = plane.setup_node().await;
    let (source, destination) =
        (plane.node(1, &[setup_node.key]).await, plane.node(3, &[setup_node.key]).await);
    echo(&destination);
    let between = HandNode::between(plane, &secret(2), &source, &destination).await;
    plane.path_known(&source, destination.key()).await;
    let seen = between.carry(alter);
    let path = vec![tcp_between(key(1), key(2)), tcp_between(key(2), key(3))];
    let stream = dial_echo(&source, &destination, PathChoice::exactly(path)).await;
    (source, destination, stream, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_the_path_sees_nothing_of_what_the_ends_say() {
    let plane = Plane::start().await;
    let (source, destination, mut stream, seen) = over_a_hand_made_node(&plane, |_| ()).await;
    let said = MARKER.repeat(4_000);
    exchange(&mut stream, &said).await;
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 2 * said.len(), "all of it went over the node in the middle, there and back");
    assert!(!contains(&seen, &MARKER[..12]));
    for end in [&source, &destination] {
        let key = end.key();
        assert!(!contains(&seen, key.as_bytes()) && !contains(&seen, key.to_string().as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_on_the_path_alters_is_never_delivered() {
    let plane = Plane::start().await;
    let (mut packets, altered) = (0u64, Arc::new(Mutex::new(0)));
    let count = altered.clone();
    let (_source, _destination, mut stream, _) = over_a_hand_made_node(&plane, move |payload| {
        packets += 1;
        // Probes and acknowledgements are small; without them there would be no session to try this on.
        if payload.len() > 1_000 && packets.is_multiple_of(7) {
            let place = packets as usize % payload.len();
            payload[place] ^= 1 << (packets % 8);
            *count.lock().unwrap() += 1;
        }
    })
    .await;
    exchange(&mut stream, &pattern(2 * 1024 * 1024)).await;
    assert!(*altered.lock().unwrap() > 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_taps_the_wire_sees_neither_what_is_said_nor_who_says_it() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let destination = plane.node(2, &[setup_node.key]).await;
    echo(&destination);
    let (address, seen) = tap(destination.listen_address().unwrap()).await;
    let mut config = plane.node_config(1, &[setup_node.key]);
    config.transports = vec![Wanted { kind: tcp_type(), peer: key(2), address: Some(address.into()) }];
    let source = Node::start(config).await.unwrap();
    plane.path_known(&source, key(2)).await;
    let mut stream = dial_echo(&source, &destination, PathChoice::default()).await;
    let said = MARKER.repeat(1_000);
    exchange(&mut stream, &said).await;
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 2 * said.len());
    assert!(!contains(&seen, &MARKER[..12]));
    for key in [key(1), key(2)] {
        assert!(!contains(&seen, key.as_bytes()) && !contains(&seen, key.to_string().as_bytes()));
    }
}

/// A proxy before an address that keeps every byte of both directions.
async fn tap(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let keep = seen.clone();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(to).await.unwrap();
            let (mut near, mut far) = (Tapped(near, keep.clone()), Tapped(far, keep.clone()));
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (address, seen)
}

/// A connection that keeps what is read from it.
struct Tapped(TcpStream, Arc<Mutex<Vec<u8>>>);

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = std::pin::Pin::new(&mut self.0).poll_read(cx, buf);
        self.1.lock().unwrap().extend_from_slice(&buf.filled()[before..]);
        read
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
