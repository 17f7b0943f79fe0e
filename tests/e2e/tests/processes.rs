//! Every service as a process of its own, on a real PostgreSQL, with four nodes in a row: what is killed, what goes on,
//! and what comes back by itself.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::{sync::Arc, time::SystemTime};

use byway_api::{
    local::{DialRequest, GetStatus, ListRoutes, PathsRequest, ShowPaths},
    messaging_discovery::{GetRecord, PutRecord, RecordPath},
    transport_discovery::{DeleteTransport, EntryQuery, GetTransport, PutTransport, TransportPath},
};
use byway_base::{RouteId, SecretKey, TransportType, UnixTime, limits::RECORD_TTL};
use byway_e2e::{Apps, CONTROL_PLANE, LiveStream, NODES, Network, PATIENCE, dial, exchange};
use byway_testkit::{Postgres, Process, postgres_or_skip, wait::until};
use byway_wire::{Record, RecordBody, TransportEntry};
use tokio::task::JoinSet;

/// Bytes carried where the length matters: many times every window and queue on the way.
const LARGE: usize = 8 * 1024 * 1024;

/// A network, and its apps at the destination.
struct Scene {
    network: Network,
    apps: Apps,
    postgres: Arc<Postgres>,
}

impl Scene {
    /// None where there is no PostgreSQL; the test is skipped then, and says so.
    async fn start() -> Option<Self> {
        let postgres = postgres_or_skip()?;
        let network = Network::start(Some(postgres.clone())).await;
        let apps = Apps::at(network.node("destination"));
        Some(Self { network, apps, postgres })
    }

    async fn live_stream(&mut self) -> LiveStream {
        let port = self.apps.echo().await;
        let (source, destination) = (self.network.node("source"), self.network.key("destination"));
        let live = LiveStream::over(dial(&source, destination, port).await);
        live.goes_on().await;
        live
    }

    /// Dials an app that did not exist before, so that there is no route to it yet, and carries data.
    async fn dial_anew(&mut self, length: usize) {
        let port = self.apps.digest().await;
        let (source, destination) = (self.network.node("source"), self.network.key("destination"));
        let mut stream = dial(&source, destination, port).await;
        // Without a period, so that no two packets are alike.
        let data: Vec<u8> =
            (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        exchange(&mut stream, &data).await;
    }

    /// The routes that the source's sessions use.
    async fn routes(&self) -> Vec<RouteId> {
        let routes = self.network.node("source").call::<ListRoutes>((), (), ()).await.unwrap();
        routes.sessions.iter().flat_map(|session| &session.routes).map(|route| route.route).collect()
    }

    /// Everything is as it was before something was killed, without anybody's help.
    async fn recovered(&mut self) {
        self.network.recovered().await;
        let peer = self.network.key("destination").to_string();
        let source = self.network.node("source");
        let found = async || {
            // Asked of the route finder; dials would do with what it once answered.
            let request = PathsRequest {
                peer: peer.clone(),
                policy: Some("hops=3".to_owned()),
                k: None,
                why_not: false,
            };
            let reply =
                source.call::<ShowPaths>((), (), request).await.map_err(|problem| problem.to_string())?;
            let right = reply.paths.first().is_some_and(|path| path.hops.len() == 3);
            right.then_some(()).ok_or_else(|| format!("{:?}", reply.paths))
        };
        until("path of three hops", PATIENCE, found).await;
        self.dial_anew(1024).await;
    }
}

fn now() -> UnixTime {
    UnixTime(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_crosses_three_hops_between_processes_with_every_byte_as_it_was() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.dial_anew(LARGE).await;
    let routes = scene.network.node("source").call::<ListRoutes>((), (), ()).await.unwrap();
    let hops = &routes.sessions[0].routes[0].hops;
    let through: Vec<_> = hops.iter().map(|hop| hop.to).collect();
    assert_eq!(through, ["a", "b", "destination"].map(|name| scene.network.key(name)));
    assert!(hops.iter().all(|hop| hop.kind.as_str() == "tcp"));
    for name in ["a", "b"] {
        let status = scene.network.node(name).call::<GetStatus>((), (), ()).await.unwrap();
        assert!(status.forwarded_bytes > 2 * LARGE as u64, "{name} forwarded {}", status.forwarded_bytes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_service_may_be_killed_and_comes_back_while_a_live_route_does_not_notice() {
    let Some(mut scene) = Scene::start().await else { return };
    let live = scene.live_stream().await;
    let route = scene.routes().await;
    for name in CONTROL_PLANE {
        scene.network.kill9(&[name]);
        live.goes_on().await;
        scene.network.restart(&[name]).await;
        scene.recovered().await;
        live.goes_on().await;
    }
    assert!(scene.routes().await.starts_with(&route), "the live route is the one from the beginning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setup_node_and_a_source_that_are_killed_amid_route_requests_leave_no_rule() {
    const DIALS: usize = 24;
    let Some(mut scene) = Scene::start().await else { return };
    // So that every process knows the others.
    scene.dial_anew(1024).await;
    let mut ports = Vec::new();
    for _ in 0..DIALS {
        ports.push(scene.apps.echo().await);
    }
    let (source, destination) = (scene.network.node("source"), scene.network.key("destination"));
    let mut dials: JoinSet<_> = ports
        .into_iter()
        .map(|port| {
            let source = source.clone();
            let request = DialRequest { peer: destination.to_string(), port, policy: None, path: None };
            async move { source.dial(request).await.map(drop) }
        })
        .collect();
    // The first that stands shows that the others are somewhere in between.
    dials.join_next().await.unwrap().unwrap().unwrap();
    scene.network.kill9(&["setup-node", "source"]);
    while dials.join_next().await.is_some() {}

    let nodes = ["a", "b", "destination"].map(|name| scene.network.node(name));
    let none = async || {
        for node in &nodes {
            let status = node.call::<GetStatus>((), (), ()).await.map_err(|problem| problem.to_string())?;
            if status.rules > 0 {
                return Err(format!("{} has {} rules", status.key.short(), status.rules));
            }
        }
        Ok(())
    };
    until("empty rule tables", PATIENCE, none).await;
    scene.network.restart(&["setup-node", "source"]).await;
    scene.recovered().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_control_plane_live_routes_carry_on_and_all_of_it_recovers_by_itself() {
    let Some(mut scene) = Scene::start().await else { return };
    let live = scene.live_stream().await;
    let route = scene.routes().await;
    scene.network.kill9(&CONTROL_PLANE);
    scene.postgres.crash().unwrap();
    live.goes_on().await;
    scene.postgres.start_again().unwrap();
    // Last to first, so that none finds what it needs when it starts, except for its database.
    let mut names = CONTROL_PLANE;
    names.reverse();
    scene.network.restart(&names).await;
    scene.recovered().await;
    live.goes_on().await;
    assert!(scene.routes().await.starts_with(&route), "the live route is the one from the beginning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_messaging_server_is_enough_for_new_routes() {
    let Some(mut scene) = Scene::start().await else { return };
    for name in ["messaging-server-1", "messaging-server-2"] {
        scene.network.kill9(&[name]);
        scene.dial_anew(1024).await;
        scene.network.restart(&[name]).await;
        scene.recovered().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_services_live_through_a_crash_of_their_database() {
    let Some(mut scene) = Scene::start().await else { return };
    let live = scene.live_stream().await;
    scene.postgres.crash().unwrap();
    for name in ["transport-discovery", "messaging-discovery"] {
        let process = scene.network.process(name);
        let complains = async || {
            let report = process.health().await?;
            if report.status.is_ready() { Err(format!("{:?}", report.checks)) } else { Ok(()) }
        };
        until("complaint about the database", PATIENCE, complains).await;
    }
    live.goes_on().await;
    scene.postgres.start_again().unwrap();
    scene.recovered().await;
    live.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_kill_9_of_services_and_database() {
    let Some(mut scene) = Scene::start().await else { return };
    // Nobody but this test knows these keys, so nobody can bring back what was lost.
    let (one, two) = (SecretKey::from_seed([21; 32]), SecretKey::from_seed([22; 32]));
    let kind = TransportType::new("tcp").unwrap();
    let entry = TransportEntry::new(one.public(), two.public(), kind, now());
    let id = entry.id();
    let (first, second) = (entry.sign(&one), entry.sign(&two));
    let entry = entry.with_signatures(&one.public(), first, second);
    let record = Record {
        subject: one.public(),
        sequence: 1,
        expires: now().plus(RECORD_TTL),
        body: RecordBody::Node { servers: Vec::new(), candidates: Vec::new(), transit: true },
    };
    let record = record.sign(&one);

    let known = scene.network.transports().await.unwrap();
    let transports = scene.network.client("transport-discovery", one.clone());
    let records = scene.network.client("messaging-discovery", one.clone());
    transports.call::<PutTransport>(TransportPath { id }, (), entry.clone()).await.unwrap();
    records.call::<PutRecord>(RecordPath { key: one.public() }, (), record.clone()).await.unwrap();
    let keepers = ["transport-discovery", "messaging-discovery"];
    scene.network.kill9(&keepers);
    scene.postgres.crash().unwrap();
    scene.postgres.start_again().unwrap();
    scene.network.restart(&keepers).await;

    let kept = transports.call::<GetTransport>(TransportPath { id }, (), ()).await.unwrap();
    assert_eq!(kept.signed, entry);
    let kept = records.call::<GetRecord>(RecordPath { key: one.public() }, (), ()).await.unwrap();
    assert_eq!(kept, record);
    let listed = scene.network.transports().await.unwrap();
    for view in known {
        assert!(listed.iter().any(|kept| kept.signed == view.signed), "{view:?} is in {listed:?}");
    }
    transports
        .call::<DeleteTransport>(TransportPath { id }, EntryQuery { issued: entry.entry.issued }, ())
        .await
        .unwrap();
    scene.recovered().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_heals_without_losing_a_byte_when_a_killed_intermediate_returns() {
    let Some(mut scene) = Scene::start().await else { return };
    let live = scene.live_stream().await;
    for name in ["a", "b"] {
        scene.network.kill9(&[name]);
        scene.network.restart(&[name]).await;
        live.goes_on().await;
        scene.recovered().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drains_every_process_and_ends_it_with_zero() {
    let Some(mut scene) = Scene::start().await else { return };
    let live = scene.live_stream().await;
    for name in
        ["setup-node", "route-finder", "messaging-server-2", "transport-discovery", "messaging-discovery"]
    {
        end_gracefully(scene.network.process_mut(name)).await;
        live.goes_on().await;
    }
    drop(live);
    // The last messaging server comes last: it serves for as long as somebody has no other.
    for name in NODES.into_iter().chain(["messaging-server-1"]) {
        end_gracefully(scene.network.process_mut(name)).await;
    }
}

async fn end_gracefully(process: &mut Process) {
    let status = process.terminate().await;
    let log = process.log();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopped") && !log.contains("run out"), "it did not drain in time:\n{log}");
    assert!(!process.announce_file().exists(), "it is still announced");
    assert!(!process.data_dir().join("node.sock").exists(), "it left its socket");
}
