//! What operators run beside services: `byway network init`, `byway health` and `byway admin`.

use std::{fs, os::unix::fs::PermissionsExt};

use byway_api::admin::{AuditEvent, AuditOutcome};
use byway_base::{Code, SecretKey};
use byway_http::Audit;
use byway_service_kit::{Admin, Health};
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use crate::command::run;

#[test]
fn a_network_is_prepared_once_and_its_nodes_are_told_whom_to_trust() {
    let home = tempdir().unwrap();
    let arguments = ["network", "init", "net", "--database", "db:5432/byway", "--output", "json"];
    let first = run(home.path(), &arguments);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let (first, again) = (first.json(), run(home.path(), &arguments).json());
    assert_eq!(first, again, "keys that exist stay");

    let net = home.path().join("net");
    let key_of = |service: &str| {
        let items = first["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["name"] == service).unwrap();
        assert_eq!(
            fs::metadata(home.path().join(item["file"].as_str().unwrap())).unwrap().permissions().mode()
                & 0o777,
            0o600
        );
        item["key"].as_str().unwrap().to_owned()
    };
    let node = fs::read_to_string(net.join("public/node.toml")).unwrap();
    assert!(node.contains(&format!("trusted_setup_nodes = [\"{}\"]", key_of("setup-node"))), "{node}");
    assert!(node.contains(&format!("{}@http://127.0.0.1:9092", key_of("route-finder"))), "{node}");
    let password = fs::read_to_string(net.join("database/password")).unwrap();
    let url = fs::read_to_string(net.join("database/url")).unwrap();
    assert_eq!(url, format!("postgres://byway:{password}@db:5432/byway"));

    let check = run(home.path(), &["config", "check", "--config", "net/public/node.toml"]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
}

#[test]
fn nodes_of_a_network_know_each_other_by_name() {
    let home = tempdir().unwrap();
    let nodes = ["network", "nodes", "net", "alice", "bob", "--output", "json"];
    run(home.path(), &nodes[..5]).assert_problem("BW-FILE", 3).assert_says("byway network init");
    assert_eq!(run(home.path(), &["network", "init", "net"]).code, Some(0));
    let made = run(home.path(), &nodes);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let settings = fs::read_to_string(home.path().join("net/nodes/node.toml")).unwrap();
    for (item, name) in made.json()["items"].as_array().unwrap().iter().zip(["alice", "bob"]) {
        assert!(home.path().join(item["file"].as_str().unwrap()).is_file());
        let petname = format!("{name}={}", item["key"].as_str().unwrap());
        assert!(settings.contains(&petname) && settings.contains("trusted_setup_nodes"), "{settings}");
    }
    let alice = format!("transports = [\"tcp:bob@bob:9070\"]\n{settings}");
    fs::write(home.path().join("alice.toml"), alice).unwrap();
    let check = run(home.path(), &["config", "check", "--config", "alice.toml"]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    run(home.path(), &["network", "nodes", "net", "Bob"]).assert_problem("BW-USAGE", 2);
}

#[test]
fn a_network_of_what_is_no_service_or_no_database_is_refused() {
    let home = tempdir().unwrap();
    run(home.path(), &["network", "init", "net", "--service", "setup-nod"])
        .assert_problem("BW-USAGE", 2)
        .assert_says("did you mean `setup-node`?");
    run(home.path(), &["network", "init", "net", "--database", "db"])
        .assert_problem("BW-USAGE", 2)
        .assert_says("HOST/NAME");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_of_a_service_is_an_exit_code() {
    let health = Health::new();
    let check = health.check("database");
    let admin = Admin::bind("127.0.0.1:0", health).await.unwrap();
    let (address, stop) = (admin.address().to_string(), CancellationToken::new());
    let served = tokio::spawn(admin.serve(stop.clone()));
    let ask = |ready: &'static [&'static str]| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || {
            let home = tempdir().unwrap();
            run(home.path(), &[&["health", "--admin", &address], ready].concat())
        })
    };

    check.failing("it is away");
    let not_ready = ask(&["--ready"]).await.unwrap();
    assert_eq!(not_ready.code, Some(1), "{}", not_ready.stderr);
    assert!(
        not_ready.stdout.contains("database") && not_ready.stdout.contains("it is away"),
        "{}",
        not_ready.stdout
    );
    assert_eq!(ask(&[]).await.unwrap().code, Some(0), "it is alive");
    check.ok();
    assert_eq!(ask(&["--ready"]).await.unwrap().code, Some(0));

    stop.cancel();
    served.await.unwrap();
    ask(&["--ready"]).await.unwrap().assert_problem("BW-SERVICE-UNREACHABLE", 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_of_a_service_is_listed_to_its_end() {
    const EVENTS: u64 = 150;
    let (audit, by) = (Audit::default(), SecretKey::from_seed([7; 32]).public());
    for turn in 1..EVENTS {
        audit.record("PutTransport", by, format!("id={turn}"), AuditOutcome::Done);
    }
    audit.record("DeleteRoute", by, "id=x".to_owned(), AuditOutcome::Refused { code: Code::Denied });
    let admin = Admin::bind("127.0.0.1:0", Health::new()).await.unwrap().with(audit.router());
    let (address, stop) = (admin.address().to_string(), CancellationToken::new());
    let served = tokio::spawn(admin.serve(stop.clone()));
    let ask = |format: &'static str| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || {
            let home = tempdir().unwrap();
            run(home.path(), &["admin", "--admin", &address, "audit", "--output", format])
        })
    };
    let table = ask("table").await.unwrap().stdout;
    assert!(table.contains("refused BW-DENIED") && table.contains(&by.to_string()), "{table}");
    let lines = ask("jsonl").await.unwrap().stdout;
    let events: Vec<AuditEvent> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len() as u64, EVENTS);
    assert_eq!(events[0].subject, "id=1");
    stop.cancel();
    served.await.unwrap();
}
