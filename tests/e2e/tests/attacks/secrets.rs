//! Row 15: no secret in a log, an error text, `Debug` output, the command line, or a file that others can read.

mod forms;

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use byway_base::{Code, OverlayAddress, Policy, Port, Problem, SecretKey};
use byway_clock::Clock;
use byway_http::client::Client;
use byway_messaging_discovery::MessagingDiscovery;
use byway_messaging_server::MessagingServer;
use byway_net::Identity;
use byway_node::{KeySource, Node, NodeService, PathChoice};
use byway_route_finder::RouteFinder;
use byway_service_kit::{Secret, Service};
use byway_setup_node::SetupNode;
use byway_testkit::wait::until;
use byway_transport_discovery::TransportDiscovery;
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan, util::SubscriberInitExt};

use crate::support::{
    Hand, HandLink, PATIENCE, Plane, RawRequest, config_of, dial_echo, echo, exchange, pattern, tcp_to,
};
use forms::{Forms, seed_of};

/// A password in the URL of a database.
const PASSWORD: &str = "correct-horse-battery-staple";
/// Services that have a key, by the names of their files.
const SERVICES: [&str; 5] =
    ["transport-discovery", "messaging-discovery", "messaging-server", "route-finder", "setup-node"];

/// Everything that the process logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Every detail of ours and most of everybody else's from now on.
    fn capture() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("debug,byway=trace"))
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish()
            .init();
        log
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Puts a key where a service looks for its own.
fn write_key(directory: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let folder = directory.join(name);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
    let path = folder.join(format!("{name}.key"));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
    writeln!(file, "{text}").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn hex(name: &str) -> String {
    data_encoding::HEXLOWER.encode(&seed_of(name))
}

fn secret_of(name: &str) -> SecretKey {
    SecretKey::from_seed(seed_of(name))
}

async fn refusal_of<S: Service>(directory: &Path) -> Problem {
    match S::bind(config_of::<S>(directory, &[])).await {
        Err(problem) => problem,
        Ok(_) => panic!("{} starts", S::NAME),
    }
}

/// Starts every service with keys in a state in which none may start.
async fn refusals(directory: &Path) -> Vec<Problem> {
    vec![
        refusal_of::<TransportDiscovery>(directory).await,
        refusal_of::<MessagingDiscovery>(directory).await,
        refusal_of::<MessagingServer>(directory).await,
        refusal_of::<RouteFinder>(directory).await,
        refusal_of::<SetupNode>(directory).await,
        refusal_of::<NodeService>(directory).await,
    ]
}

/// What goes wrong in a network, as people read it.
async fn failures(plane: &Plane, nodes: &[Node]) -> Vec<String> {
    let nobody = OverlayAddress { key: secret_of("nobody").public(), port: Port(80) };
    let deaf = OverlayAddress { key: nodes[1].key(), port: Port(81) };
    let mut texts = Vec::new();
    for to in [nobody, deaf] {
        texts.push(format!("{:?}", nodes[0].dial(to, PathChoice::default()).await.unwrap_err()));
    }
    let stranger = plane.route_finder.client(&secret_of("stranger"));
    texts.push(format!("{stranger:?}"));
    let address = plane.transport_discovery.address;
    let mut request = RawRequest::signed(&secret_of("first"), "DELETE", address, "/v1/transports/x", "");
    for _ in 0..3 {
        texts.push(format!("{:?}", request.send(address).await));
        request.host = "elsewhere".to_owned();
    }
    let link = HandLink::open(&secret_of("stranger"), &nodes[1]).await;
    link.sender().send_bytes(vec![255; 100]);
    link.closed().await;
    let wrong = Client::new(&plane.route_finder.url(), Some(secret_of("first")), Some(nobody.key)).unwrap();
    let stats = wrong.call::<byway_api::route_finder::GetFinderStats>((), (), ()).await;
    texts.push(format!("{:?}", stats.unwrap_err()));
    let path = plane.directory.path();
    let mut config = config_of::<TransportDiscovery>(&path.join("other"), &[]);
    config.store_url = Secret::new(format!("mysql://byway:{PASSWORD}@127.0.0.1:1/transports"));
    texts.push(format!("{config:?}"));
    texts.push(format!("{:?}", TransportDiscovery::bind(config.clone()).await.unwrap_err()));
    // One that is away is waited for; what is said of it meanwhile is in `bad_input.rs`.
    config.store_url = Secret::new(format!("postgres://byway:{PASSWORD}@127.0.0.1:1/transports"));
    let waiting = TransportDiscovery::bind(config).await.unwrap();
    texts.push(format!("{waiting:?} {:?}", waiting.health().report()));
    texts
}

/// `Debug` output of what holds secrets.
fn shown(plane: &Plane, nodes: &[Node]) -> Vec<String> {
    let secret = secret_of("second");
    let directory = plane.directory.path();
    let mut messaging = byway_messaging_client::Config::new(secret.clone());
    messaging.servers = vec![plane.server()];
    vec![
        format!("{:?} {:?}", secret, Identity::new(secret.clone())),
        format!("{:?} {:?}", KeySource::Given(secret.clone()), nodes[1].config()),
        format!("{:?} {:?}", nodes[1].messaging(), nodes[1].messaging().status()),
        format!("{messaging:?}"),
        format!("{:?}", config_of::<TransportDiscovery>(directory, &[])),
        format!("{:?}", config_of::<MessagingDiscovery>(directory, &[])),
        format!("{:?}", config_of::<MessagingServer>(directory, &[])),
        format!("{:?}", config_of::<RouteFinder>(directory, &[])),
        format!("{:?}", config_of::<SetupNode>(directory, &[])),
        format!("{:?}", config_of::<NodeService>(directory, &[])),
    ]
}

/// What the network left on disk, keys not included.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_none_or(|extension| extension != "key") && path.is_file() {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_shows_in_logs_errors_debug_output_arguments_or_files_of_a_whole_network() {
    let log = Log::capture();
    let directory = tempfile::tempdir().unwrap();
    for name in SERVICES {
        write_key(directory.path(), name, &hex(name), 0o600);
    }
    let plane = Plane::start_with(directory, Clock::system()).await;
    let setup_node = plane.setup_node().await;
    let file = write_key(plane.directory.path(), "first", &hex("first"), 0o600);
    let mut first = plane.node_config(1, &[setup_node.key]);
    first.key = KeySource::File(file);
    let mut second = plane.node_config(2, &[setup_node.key]);
    second.key = KeySource::Given(secret_of("second"));
    let second = Node::start(second).await.unwrap();
    first.transports = vec![tcp_to(&second)];
    let nodes = [Node::start(first).await.unwrap(), second];
    echo(&nodes[1]);
    plane.path_known(&nodes[0], nodes[1].key()).await;
    let path = async || nodes[1].find_paths(nodes[0].key(), &Policy::default(), 1, true).await;
    until("path back", PATIENCE, path).await;
    let mut stream = dial_echo(&nodes[0], &nodes[1], PathChoice::default()).await;
    exchange(&mut stream, &pattern(100_000)).await;
    let stranger = Hand::start(&secret_of("stranger"), &plane).await;
    stranger.exchange(nodes[1].key(), b"garbage").await;
    let mut texts = failures(&plane, &nodes).await;
    texts.extend(shown(&plane, &nodes));
    drop(stream);
    for node in &nodes {
        node.stop().await;
    }
    assert_eq!(nodes[0].key(), secret_of("first").public());
    assert_eq!(setup_node.key, secret_of("setup-node").public(), "the keys in use are those searched for");

    let forms = Forms::of(SERVICES.into_iter().chain(["first", "second", "stranger"]), PASSWORD);
    let captured = log.bytes();
    for part in ["byway_node", "byway_messaging_client", "byway_http", "sqlx", "quinn"] {
        assert!(forms::contains(&captured, part.as_bytes()), "the log was captured, {part} included");
    }
    forms.assert_absent_from("the log", &captured);
    for text in &texts {
        forms.assert_absent_from(text, text.as_bytes());
    }
    for place in ["/proc/self/cmdline", "/proc/self/environ"] {
        forms.assert_absent_from(place, &fs::read(place).unwrap());
    }
    for (path, content) in files(plane.directory.path()) {
        forms.assert_absent_from(&path.display().to_string(), &content);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_starts_with_a_key_that_others_can_read_or_that_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let names = || SERVICES.into_iter().chain(["node"]);
    for name in names() {
        write_key(directory.path(), name, &hex(name), 0o644);
    }
    let forms = Forms::of(names(), PASSWORD);
    for problem in refusals(directory.path()).await {
        assert_eq!(problem.code, Code::SecretExposed, "{problem}");
        assert!(problem.hint.contains("chmod 600"), "{}", problem.hint);
        forms.assert_absent_from("a problem", format!("{problem:?}").as_bytes());
    }
    for name in names() {
        let damaged = format!("{}x", &hex(name)[..63]);
        write_key(directory.path(), name, &damaged, 0o600);
    }
    for problem in refusals(directory.path()).await {
        assert_eq!(problem.code, Code::File, "{problem}");
        forms.assert_absent_from("a problem", format!("{problem:?}").as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_that_a_network_creates_are_for_their_owner_alone() {
    let plane = Plane::start().await;
    let _setup_node = plane.setup_node().await;
    let path = plane.directory.path().join("node/node.key");
    let mut config = plane.node_config(1, &[]);
    config.key = KeySource::File(path);
    let node = Node::start(config).await.unwrap();
    for name in SERVICES.into_iter().chain(["node"]) {
        let folder = plane.directory.path().join(name);
        let file = fs::metadata(folder.join(format!("{name}.key"))).unwrap();
        let modes = (file.mode() & 0o777, fs::metadata(&folder).unwrap().mode() & 0o777);
        assert_eq!(modes, (0o600, 0o700), "{name}");
    }
    node.stop().await;
}
