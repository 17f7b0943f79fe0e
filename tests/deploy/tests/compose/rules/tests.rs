//! Each rule, broken.

use super::breaches;
use crate::file::Compose;

/// A service that keeps every rule.
const GOOD: &str = r#"
services:
  a:
    image: ${BYWAY_IMAGE:-byway:local}
    user: "65532:65532"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    init: true
    pids_limit: 256
    mem_limit: 1g
    logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}
    restart: unless-stopped
    stop_grace_period: 30s
    networks: [network]
    healthcheck: {test: [CMD, /usr/bin/byway, health], interval: 5s, timeout: 5s, retries: 6, start_period: 30s}
    environment: {BYWAY_ADMIN_LISTEN: "0.0.0.0:9100", BYWAY_STORE_URL_FILE: /run/secrets/byway/url}
    ports: ["${ADDRESS:-127.0.0.1}:9091:9091/tcp"]
    volumes: ["data:/var/lib/byway", "./deploy/x.yml:/etc/x.yml:ro"]
    depends_on:
      b: {condition: service_healthy}
networks: {network: {}}
volumes: {data: {}}
"#;

/// `GOOD`, and a twin of `a` that others may wait for.
fn good() -> String {
    let start = GOOD.find("  a:").unwrap();
    let end = GOOD.find("networks: {network").unwrap();
    let twin = GOOD[start..end]
        .replace("  a:\n", "  b:\n")
        .replace("    depends_on:\n      b: {condition: service_healthy}\n", "");
    format!("{}{twin}{}", &GOOD[..end], &GOOD[end..])
}

fn broken(from: &str, to: &str) -> Vec<String> {
    let text = good();
    assert!(text.contains(from), "{from}");
    let compose = Compose::parse(&text.replacen(from, to, 1)).unwrap();
    breaches(&compose).into_iter().filter(|it| it.service == "a").map(|it| it.rule.to_owned()).collect()
}

#[test]
fn a_service_that_keeps_every_rule_is_left_alone() {
    let found = breaches(&Compose::parse(&good()).unwrap());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn each_rule_tells_when_it_is_broken() {
    let cases = [
        ("\"65532:65532\"", "\"0:0\"", "it runs as a user other than root"),
        ("\"65532:65532\"", "postgres", "it runs as a user other than root"),
        ("read_only: true", "read_only: false", "its file system is read-only"),
        ("[ALL]", "[NET_RAW]", "it drops all capabilities"),
        ("[ALL]", "[ALL]\n    cap_add: [NET_ADMIN]", "it drops all capabilities"),
        ("no-new-privileges:true", "seccomp:unconfined", "it gains no privileges"),
        ("init: true", "init: true\n    privileged: true", "it gains no privileges"),
        ("init: true", "init: true\n    pid: host", "it gains no privileges"),
        ("    pids_limit: 256\n", "", "its memory and its processes are limited"),
        ("    mem_limit: 1g\n", "", "its memory and its processes are limited"),
        ("max-file: \"3\"", "compress: \"true\"", "its log is limited"),
        ("BYWAY_STORE_URL_FILE", "BYWAY_STORE_URL", "its secrets are files"),
        (
            "/run/secrets/byway/url}",
            "/run/secrets/byway/url, X: \"postgres://a:b@c/d\"}",
            "its secrets are files",
        ),
        (
            "init: true",
            "init: true\n    container_name: a",
            "it has no name that a second project would want too",
        ),
        ("${BYWAY_IMAGE:-byway:local}", "byway:local", "its image can be replaced by a variable"),
        ("byway:local}", "byway}", "its image can be replaced by a variable"),
        ("data:/var", "/srv:/var", "what it keeps is in named volumes"),
        ("x.yml:ro", "x.yml", "what it keeps is in named volumes"),
        ("./deploy/x.yml:/", "/var/run/docker.sock:/", "what it keeps is in named volumes"),
        ("127.0.0.1}:", "0.0.0.0}:", "it is published on this machine only, unless `.env` says otherwise"),
        ("${ADDRESS:-127.0.0.1}:", "", "it is published on this machine only, unless `.env` says otherwise"),
        (":9091/tcp", ":9100/tcp", "its admin listener is not published"),
        ("BYWAY_ADMIN_LISTEN", "BYWAY_LISTEN", "its admin listener is not published"),
        ("{network: {}}", "{network: {ipam: {}}}", "its networks are declared and take any free addresses"),
        ("networks: [network]", "networks: [other]", "its networks are declared and take any free addresses"),
        ("ADDRESS:-127.0.0.1", "ADDRESS", "it starts without anything being set"),
        ("init: true", "init: false", "an init reaps what it leaves behind"),
        ("stop_grace_period: 30s", "stop_grace_period: 10s", "it has time to drain"),
        ("restart: unless-stopped", "restart: \"no\"", "it is started again, or is a job that ends"),
        ("[CMD, /usr/bin/byway, health]", "[CMD-SHELL, curl x]", "its health is checked without a shell"),
        ("/usr/bin/byway, health", "/bin/sh, health", "its health is checked without a shell"),
        ("retries: 6, ", "", "its health is checked without a shell"),
        ("service_healthy", "service_started", "it waits for a state of what it depends on"),
        ("      b: {condition: service_healthy}", "      - b", "it waits for a state of what it depends on"),
        ("init: true", "init: true\n    profiles: [mine]", "its profile is one that the documents name"),
    ];
    for (from, to, rule) in cases {
        assert!(broken(from, to).iter().any(|found| found == rule), "'{to}' does not break '{rule}'");
    }
}
