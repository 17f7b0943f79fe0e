//! Commands on two nodes of a whole network: a port is exposed on one and used on the other.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use byway_api::local::{PathsRequest, ShowPaths};
use byway_app_sdk::LocalNode;
use byway_base::{Problem, PublicKey};
use byway_cli::demo::services::Services;
use byway_node::NodeService;
use byway_service_kit::{Loader, Service, Shutdown, key_file};
use serde_json::Value;
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::{TcpListener, TcpStream, UdpSocket},
    task::{JoinHandle, block_in_place},
    time::timeout,
};
use tokio_socks::tcp::Socks5Stream;

use crate::{
    command::{byway, run},
    memory::bytes,
};

/// Time for the control plane to come up.
const START: Duration = Duration::from_secs(30);

/// A node with its local API, and the commands that go on beside it.
struct Member {
    home: PathBuf,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), Problem>>,
    commands: Vec<Child>,
}

impl Member {
    async fn start(
        home: PathBuf,
        services: &Services,
        peers: &[(&str, PublicKey)],
        dials: Option<PublicKey>,
    ) -> Self {
        let finder = services.route_finder.key.map(|key| format!("{key}@")).unwrap_or_default();
        let petnames: Vec<String> = peers.iter().map(|(name, key)| format!("{name}={key}")).collect();
        let loaded = Loader::new("node")
            .flag("data_dir", home.display().to_string())
            .flag("transport_discovery", services.transport_discovery.url())
            .flag("route_finder", format!("{finder}{}", services.route_finder.url()))
            .flag("messaging_discovery", services.messaging_discovery.url())
            .flag("trusted_setup_nodes", services.setup_node.key.unwrap().to_string())
            .flag("petnames", petnames.join(","))
            .flag("transports", dials.map(|peer| format!("messaging:{peer}")).unwrap_or_default())
            .load::<<NodeService as Service>::Raw>()
            .unwrap();
        let shutdown = Shutdown::new(loaded.common.drain_timeout);
        let config = NodeService::configure(loaded.config, &loaded.common).unwrap();
        let service = NodeService::bind(config).await.unwrap();
        let task = tokio::spawn(service.serve(shutdown.clone()));
        let member = Self { home, shutdown, task, commands: Vec::new() };
        while LocalNode::connect(member.socket()).await.is_err() {
            tokio::task::yield_now().await;
        }
        member
    }

    fn socket(&self) -> PathBuf {
        self.home.join("node.sock")
    }

    fn args<'a>(&self, socket: &'a str, args: &[&'a str]) -> Vec<&'a str> {
        [&["--socket", socket, "--output", "jsonl"], args].concat()
    }

    /// What a command prints that comes to an end.
    fn run(&self, args: &[&str]) -> Value {
        let socket = self.socket();
        let ended = block_in_place(|| run(&self.home, &self.args(socket.to_str().unwrap(), args)));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.json()
    }

    /// The first line of a command that goes on until the test ends.
    fn begin(&mut self, args: &[&str]) -> Value {
        let socket = self.socket();
        let mut command = byway(&self.home, &self.args(socket.to_str().unwrap(), args));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        self.commands.push(child);
        block_in_place(|| BufReader::new(stdout).read_line(&mut line)).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn stop(mut self) {
        end(&mut self.commands);
        self.shutdown.begin();
        (&mut self.task).await.unwrap().unwrap();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        end(&mut self.commands);
    }
}

/// Commands do not outlive the test, however it ends.
fn end(commands: &mut Vec<Child>) {
    for mut child in commands.drain(..) {
        let _gone_already = child.kill();
        let _reaped = child.wait();
    }
}

fn key(home: &Path) -> PublicKey {
    key_file::load_or_create(&home.join("node.key")).unwrap().public()
}

async fn local_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
    });
    address
}

async fn local_udp_echo() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            socket.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    address
}

/// A new client of a local UDP port sends each datagram until it comes back: any may be lost.
async fn assert_echoes_datagrams(local: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(local).await.unwrap();
    let mut back = vec![0; 65_536];
    for length in [0, 1, 1_000] {
        let datagram = bytes(length);
        let exchange = async {
            loop {
                socket.send(&datagram).await.unwrap();
                let received = timeout(Duration::from_millis(100), socket.recv(&mut back)).await;
                if received.is_ok_and(|length| back[..length.unwrap()] == datagram) {
                    return;
                }
            }
        };
        timeout(START, exchange).await.unwrap();
    }
}

async fn assert_echoes(stream: TcpStream) {
    let data = bytes(1_000_000);
    let (mut read, mut write) = split(stream);
    let send = async {
        write.write_all(&data).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, received) = tokio::join!(send, read.read_to_end(&mut back));
    received.unwrap();
    assert!(back == data, "{} of {} bytes", back.len(), data.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_exposes_another_reaches_by_connect_and_by_proxy() {
    let directory = tempdir().unwrap();
    let [alice_home, bob_home] = ["alice", "bob"].map(|name| directory.path().join(name));
    let peers = [("alice", key(&alice_home)), ("bob", key(&bob_home))];
    let services = Box::pin(Services::start(&directory.path().join("services"))).await.unwrap();
    // It is ready once others can find it.
    services.setup_node.ready(START).await.unwrap();
    let mut bob = Member::start(bob_home, &services, &peers, None).await;
    let mut alice = Member::start(alice_home, &services, &peers, Some(peers[1].1)).await;
    let paths = || PathsRequest { peer: "bob".to_owned(), policy: None, k: None, why_not: false };
    while LocalNode::at(alice.socket()).call::<ShowPaths>((), (), paths()).await.is_err() {
        tokio::task::yield_now().await;
    }

    let app = local_echo().await;
    let exposed = bob.begin(&["expose", "80", "--to", &app.to_string()]);
    assert_eq!(exposed["address"], format!("{}:80", peers[1].1));
    let connected = alice.begin(&["connect", exposed["address"].as_str().unwrap()]);
    let local: SocketAddr = connected["local"].as_str().unwrap().parse().unwrap();
    for _ in 0..3 {
        assert_echoes(TcpStream::connect(local).await.unwrap()).await;
    }
    let proxy = alice.begin(&["proxy", "--socks", "127.0.0.1:0"]);
    let proxy: SocketAddr = proxy["socks"].as_str().unwrap().parse().unwrap();
    assert_echoes(Socks5Stream::connect(proxy, ("bob.byway", 80)).await.unwrap().into_inner()).await;
    let nobody = Socks5Stream::connect(proxy, ("bob.byway", 81)).await.unwrap_err();
    assert!(matches!(nobody, tokio_socks::Error::ConnectionRefused), "{nobody}");

    let app = local_udp_echo().await;
    let exposed = bob.begin(&["expose", "5353", "--udp", "--to", &app.to_string()]);
    assert!(exposed["connect"].as_str().unwrap().ends_with(" --udp"), "{exposed}");
    let connected = alice.begin(&["connect", "bob:5353", "--udp"]);
    let local: SocketAddr = connected["local"].as_str().unwrap().parse().unwrap();
    for _ in 0..3 {
        assert_echoes_datagrams(local).await;
    }

    let ping = alice.run(&["ping", "bob", "--count", "2"]);
    assert_eq!(ping["rtt_us"].as_array().unwrap().len(), 2);
    assert_eq!(ping["routes"][0]["hops"][0]["name"], "bob");
    let transport = ping["routes"][0]["hops"][0]["transport"].as_str().unwrap();
    let exactly = alice.run(&["ping", "bob", "--count", "1", "--path", transport]);
    assert_eq!(exactly["routes"][0]["hops"][0]["transport"], transport);
    let socket = alice.socket();
    let args = ["--socket", socket.to_str().unwrap(), "--output", "json", "trace", "bob"];
    let trace = block_in_place(|| run(&alice.home, &args)).json();
    assert_eq!((&trace["whole"], &trace["in_use"]), (&true.into(), &true.into()), "{trace}");
    assert_eq!(
        (&trace["hops"][0]["name"], &trace["hops"][0]["answered"]),
        (&"bob".into(), &4.into()),
        "{trace}"
    );
    assert!(alice.run(&["routes"])["sessions"].as_array().unwrap().len() > 1);

    alice.stop().await;
    bob.stop().await;
    services.stop().await;
}
