//! Commands and the app kit against a real node that is alone in the world.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use byway_api::local::{DialRequest, GetStatus, ListLocalTransports, Resolve, ResolveRequest};
use byway_app_sdk::LocalNode;
use byway_base::{Code, Port, PublicKey, SecretKey};
use byway_node::NodeService;
use byway_service_kit::{Loader, Service, Shutdown};
use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::task::JoinHandle;

use crate::command::{Ended, byway, run};

struct Alone {
    home: TempDir,
    key: PublicKey,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), byway_base::Problem>>,
}

impl Alone {
    async fn start() -> Self {
        let home = tempdir().unwrap();
        let bob = SecretKey::from_seed([2; 32]).public();
        let loader = Loader::new("node")
            .flag("data_dir", home.path().display().to_string())
            .flag("petnames", format!("bob={bob}"));
        let loaded = loader.load::<<NodeService as Service>::Raw>().unwrap();
        let shutdown = Shutdown::new(loaded.common.drain_timeout);
        let config = NodeService::configure(loaded.config, &loaded.common).unwrap();
        let service = NodeService::bind(config).await.unwrap();
        let key = service.identity().unwrap();
        let task = tokio::spawn(service.serve(shutdown.clone()));
        let alone = Self { home, key, shutdown, task };
        // The socket is there soon after serving began.
        while LocalNode::connect(alone.socket()).await.is_err() {
            tokio::task::yield_now().await;
        }
        alone
    }

    fn socket(&self) -> std::path::PathBuf {
        self.home.path().join("node.sock")
    }

    fn node(&self) -> LocalNode {
        LocalNode::at(self.socket())
    }

    async fn run(&self, args: &'static [&'static str]) -> Ended {
        let (home, socket) = (self.home.path().to_owned(), self.socket());
        let run = move || run(&home, &[&["--socket", socket.to_str().unwrap()], args].concat());
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.begin();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_services_answers_about_itself_and_says_what_it_lacks() {
    let alone = Alone::start().await;
    let status = alone.node().call::<GetStatus>((), (), ()).await.unwrap();
    assert_eq!((status.key, status.ready, status.transports.len()), (alone.key, false, 0));
    assert!(status.problems.iter().any(|problem| problem.part == "route-finder"));
    let transports = alone.node().call::<ListLocalTransports>((), (), ()).await.unwrap();
    assert!(transports.items.is_empty());

    let shown = alone.run(&["status"]).await;
    assert_eq!(shown.code, Some(1), "{}", shown.stderr);
    for part in [
        &alone.key.to_string(),
        "degraded",
        "queued      0 B of",
        "transports",
        "problems",
        "try: ",
        "BW-CONFIG",
    ] {
        assert!(shown.stdout.contains(part), "'{part}' is not in\n{}", shown.stdout);
    }
    let json = alone.run(&["status", "--output", "json"]).await;
    assert_eq!((json.code, json.json()["version"].clone()), (Some(1), 1.into()));
    let whoami = alone.run(&["whoami"]).await;
    assert_eq!((whoami.code, whoami.stdout), (Some(0), format!("{}\n", alone.key)));
    for (args, items) in
        [(&["transports", "--output", "json"][..], "items"), (&["routes", "--output", "json"], "sessions")]
    {
        let listed = alone.run(args).await;
        assert_eq!((listed.code, listed.json()[items].clone()), (Some(0), Value::Array(Vec::new())));
    }
    alone.run(&["transports", "rm", "ab"]).await.assert_problem("BW-NOT-FOUND", 1);
    alone.run(&["wait", "--ready", "--timeout", "1"]).await.assert_problem("BW-TIMEOUT", 7);
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_resolved_by_the_node_and_unknown_ones_told() {
    let alone = Alone::start().await;
    let request = |name: &str| ResolveRequest { name: name.to_owned() };
    let bob = SecretKey::from_seed([2; 32]).public();
    assert_eq!(alone.node().call::<Resolve>((), (), request("bob")).await.unwrap().key, bob);
    assert_eq!(alone.node().call::<Resolve>((), (), request("eve")).await.unwrap_err().code, Code::BadKey);
    alone.run(&["trace", "eve"]).await.assert_problem("BW-BAD-KEY", 2);
    alone.run(&["ping", "eve"]).await.assert_problem("BW-BAD-KEY", 2).assert_says("the petnames are bob");
    alone.run(&["connect", "eve:80"]).await.assert_problem("BW-BAD-KEY", 2);
    alone.run(&["ping", "bob", "--policy", "avoid=eve"]).await.assert_problem("BW-BAD-KEY", 2);
    let dial = DialRequest { peer: "bob".to_owned(), port: Port(80), policy: None, path: None };
    let refused = alone.node().dial(dial).await.unwrap_err();
    assert_eq!(refused.code.exit_code(), alone.run(&["ping", "bob"]).await.code.unwrap() as u8, "{refused}");
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_held_by_one_app_and_free_once_it_has_gone() {
    let alone = Alone::start().await;
    let held = alone.node().listen(Port(8080)).await.unwrap();
    let status = alone.node().call::<GetStatus>((), (), ()).await.unwrap();
    assert!(status.listening.contains(&Port(8080)));
    assert_eq!(alone.node().listen(Port(8080)).await.unwrap_err().code, Code::Conflict);
    alone.run(&["expose", "8080"]).await.assert_problem("BW-CONFLICT", 1);
    drop(held);
    while alone.node().listen(Port(8080)).await.is_err() {
        tokio::task::yield_now().await;
    }
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_streams_and_events_ends_when_the_node_does() {
    let alone = Alone::start().await;
    let mut listener = alone.node().listen(Port(8080)).await.unwrap();
    let mut events = alone.node().events().await.unwrap();
    let stop = alone.stop();
    let (accepted, event, ()) = tokio::join!(listener.accept(), events.next(), stop);
    assert!(accepted.is_err());
    // It is told an end, or finds the connection cut.
    assert!(!matches!(event, Ok(Some(_))), "{event:?}");
}

/// A command that goes on, and its first line.
fn begin(home: &Path, args: &[&str]) -> (Child, String) {
    let mut child = byway(home, args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_go_on_tell_where_they_serve_and_end_by_interruption_with_130() {
    let alone = Alone::start().await;
    let socket = alone.socket();
    let socket = socket.to_str().unwrap();
    let commands: [(&[&str], &str, String); 5] = [
        (&["proxy", "--socks", "127.0.0.1:0"], "socks", "127.0.0.1:".to_owned()),
        (&["connect", "bob:80"], "local", "127.0.0.1:".to_owned()),
        (&["connect", "bob:80", "--udp"], "local", "127.0.0.1:".to_owned()),
        (&["expose", "53", "--udp"], "connect", format!("byway connect {}:53 --udp", alone.key)),
        (
            &["expose", "3000", "--as", "80"],
            "connect",
            format!("byway connect {}:80 --local 127.0.0.1:3000", alone.key),
        ),
    ];
    for (args, field, begins) in commands {
        let args = [&["--socket", socket, "--output", "jsonl"], args].concat();
        let (mut child, line) = tokio::task::block_in_place(|| begin(alone.home.path(), &args));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert!(value[field].as_str().unwrap().starts_with(&begins), "{line}");
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        let ended = tokio::task::block_in_place(|| child.wait()).unwrap();
        assert_eq!(ended.code(), Some(130), "{args:?}");
    }
    alone.stop().await;
}
