//! Row 13: what crashed nodes leave in the registries. Their sweeps and leases are tested one by one with the services;
//! here the whole way, up to the path that is no longer found.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use byway_api::{
    messaging_discovery::{GetRecord, RecordPath},
    route_finder::{FindPaths, FindRequest},
    transport_discovery::{GetTransport, TransportPath, TransportState},
};
use byway_base::{
    Code, Policy, Problem, UnixTime,
    limits::{LEASE, RECORD_TTL, TRANSPORT_RETENTION},
};
use byway_clock::{Clock, unix_now};
use byway_node::Node;
use byway_testkit::wait::until;

use crate::support::{PATIENCE, Plane, key, secret, tcp_between, tcp_to};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_crashed_nodes_left_behind_is_down_within_the_lease_then_gone() {
    let time = Arc::new(AtomicU64::new(unix_now().0));
    let shown = time.clone();
    let clock = Clock::from_fn(move || UnixTime(shown.load(Ordering::SeqCst)));
    let plane = Plane::start_with(tempfile::tempdir().unwrap(), clock).await;
    // Both in a runtime of their own, which ends as a process does that is killed: nobody says farewell.
    let machine = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = machine.spawn(Node::start(plane.node_config(1, &[]))).await.unwrap().unwrap();
    let mut config = plane.node_config(2, &[]);
    config.transports = vec![tcp_to(&first)];
    let second = machine.spawn(Node::start(config)).await.unwrap().unwrap();

    let path = TransportPath { id: tcp_between(key(1), key(2)) };
    let transport =
        async || plane.transport_discovery.client(&secret(9)).call::<GetTransport>(path, (), ()).await;
    let record = async |seed: u8| {
        let path = RecordPath { key: key(seed) };
        plane.messaging_discovery.client(&secret(9)).call::<GetRecord>(path, (), ()).await
    };
    let find = async || {
        let (from, to, policy) = (key(1), key(2), Policy::default());
        let request = FindRequest { from, to, policy, k: None, why_not: false };
        plane.route_finder.client(&secret(1)).call::<FindPaths>((), (), request).await
    };
    until("path", PATIENCE, find).await;
    for seed in [1, 2] {
        until("contact record", PATIENCE, async || record(seed).await).await;
    }
    drop((first, second));
    tokio::task::spawn_blocking(move || machine.shutdown_timeout(PATIENCE)).await.unwrap();

    assert_eq!(transport().await.unwrap().state, TransportState::Up, "nobody reported anything");
    let advance = |span: Duration| time.fetch_add(span.as_secs(), Ordering::SeqCst);
    advance(LEASE + SECOND);
    let down = async || match transport().await.unwrap().state {
        TransportState::Down => Ok(()),
        state => Err(format!("it is {state:?}")),
    };
    until("end of the lease", PATIENCE, down).await;
    refused("lost path", Code::NoPath, find).await;

    advance(RECORD_TTL);
    for seed in [1, 2] {
        refused("expired record", Code::NotFound, async || record(seed).await).await;
    }
    advance(TRANSPORT_RETENTION);
    refused("removed transport", Code::NotFound, transport).await;
}

/// Waits until a question is answered with a code.
async fn refused<T>(what: &str, code: Code, mut ask: impl AsyncFnMut() -> Result<T, Problem>) {
    until(what, PATIENCE, async || match ask().await {
        Err(problem) if problem.code == code => Ok(()),
        Err(problem) => Err(problem.to_string()),
        Ok(_) => Err("it is still there".to_owned()),
    })
    .await;
}
