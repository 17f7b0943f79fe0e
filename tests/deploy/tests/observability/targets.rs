//! Prometheus scrapes what the compose file starts.

use std::collections::BTreeSet;

use byway_deploy::{read, yaml};
use serde_json::Value;

use crate::{FOLDER, assert_none};

/// A process that shows metrics: `(job, host, port)`.
type Target = (String, String, String);

fn file(path: &str) -> Value {
    yaml::document(&read(path)).unwrap()
}

/// What the compose file starts. The job is the role, whatever number the service has.
fn started(compose: &Value) -> BTreeSet<Target> {
    let services = compose["services"].as_object().unwrap().iter();
    let shown = services.filter_map(|(name, service)| {
        let listen = service["environment"]["BYWAY_ADMIN_LISTEN"].as_str()?;
        // A node at a home of the demonstration shows them to that home alone.
        if listen.starts_with("127.") {
            return None;
        }
        let command = yaml::texts(&service["command"]);
        let role = match command[..] {
            ["service", role, ..] => role,
            ["up", ..] => "node",
            _ => panic!("{name} shows metrics and runs {command:?}"),
        };
        Some((role.to_owned(), name.clone(), listen.rsplit(':').next()?.to_owned()))
    });
    shown.collect()
}

/// What is scraped, whether it is listed or looked up.
fn scraped(prometheus: &Value) -> BTreeSet<Target> {
    let mut found = BTreeSet::new();
    for config in prometheus["scrape_configs"].as_array().unwrap() {
        let job = config["job_name"].as_str().unwrap();
        for group in config["static_configs"].as_array().into_iter().flatten() {
            for target in yaml::texts(&group["targets"]) {
                let (host, port) = target.rsplit_once(':').unwrap();
                found.insert((job.to_owned(), host.to_owned(), port.to_owned()));
            }
        }
        for group in config["dns_sd_configs"].as_array().into_iter().flatten() {
            let names = yaml::texts(&group["names"]).into_iter();
            found.extend(names.map(|name| (job.to_owned(), name.to_owned(), group["port"].to_string())));
        }
    }
    found
}

#[test]
fn prometheus_scrapes_every_process_of_the_compose_file_under_its_role() {
    let (compose, prometheus) = (file("docker-compose.yml"), file(&format!("{FOLDER}/prometheus.yml")));
    let (started, scraped) = (started(&compose), scraped(&prometheus));
    assert!(started.len() >= 6, "{started:?}");
    let unseen = started.difference(&scraped).map(|target| format!("nobody scrapes {target:?}"));
    let names = compose["services"].as_object().unwrap();
    // Nodes are looked up, since they may be absent; a service that is listed must be there.
    let listed =
        scraped.difference(&started).filter(|(job, host, _)| job != "node" || names.contains_key(host));
    let gone = listed.map(|target| format!("nobody starts {target:?}"));
    assert_none(&unseen.chain(gone).collect::<Vec<_>>());
}
