//! A registry of a million nodes and five million transports on a PostgreSQL of its own, and what it does then.
//!
//! ```text
//! cargo run --release -p byway-store --example scale -- NODES SECONDS
//! ```
//!
//! Every node has ten transports, five of them with the nodes after it. Rows are loaded past the registry; their entries
//! have real keys and ids, but signatures of zeroes, which nothing here verifies. What is printed per second is this
//! process's and PostgreSQL's together on this machine; CPU times say how it is shared.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement ends with the first thing that is wrong"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use byway_api::transport_discovery::{Metrics, TransportReport};
use byway_base::{PublicKey, SecretKey, Signature, Stamp, TransportType, UnixTime, limits::SNAPSHOT_PART};
use byway_store::{Store, transports::Filter};
use byway_testkit::Postgres;
use byway_wire::{SignedTransportEntry, TransportEntry};
use sqlx::{Connection, PgConnection, Row};

/// Transports of each node with nodes after it; as many lead to it from nodes before.
const DEGREE: u64 = 5;
/// Rows in one statement that loads.
const CHUNK: u64 = 5_000;
/// So many nodes have had their first heartbeats when those of nodes that are remembered are measured.
const REMEMBERED: u64 = 5_000;
/// Callers at once: as many as are served by some thousands of connections with little to do each.
const CALLERS: u64 = 1_024;

/// The nodes, as a ring in which each is connected to those near it.
#[derive(Clone)]
struct Ring(Arc<Vec<PublicKey>>);

impl Ring {
    fn new(nodes: u64) -> Self {
        let key = |node: u64| {
            let mut seed = [1; 32];
            seed[..8].copy_from_slice(&node.to_be_bytes());
            SecretKey::from_seed(seed).public()
        };
        Self(Arc::new((0..nodes).map(key).collect()))
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn key(&self, node: u64) -> PublicKey {
        self.0[usize::try_from(node % self.len()).unwrap()]
    }

    fn entry(&self, node: u64, step: u64, kind: &str, issued: UnixTime) -> SignedTransportEntry {
        let kind = TransportType::new(kind).unwrap();
        let entry = TransportEntry::new(self.key(node), self.key(node + step), kind, issued);
        SignedTransportEntry { entry, signatures: [Signature::from_bytes([0; 64]); 2] }
    }

    /// What a node says of all its transports.
    fn reports(&self, node: u64) -> Vec<TransportReport> {
        let after = (1..=DEGREE).map(|step| self.entry(node, step, "tcp", UnixTime(0)));
        let before = (1..=DEGREE).map(|step| self.entry(node + self.len() - step, step, "tcp", UnixTime(0)));
        let report = |signed: SignedTransportEntry| TransportReport {
            id: signed.entry.id(),
            up: true,
            metrics: Metrics { rtt_us: 20_000, ..Metrics::default() },
        };
        after.chain(before).map(report).collect()
    }
}

fn now() -> UnixTime {
    UnixTime(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs())
}

async fn load(connection: &mut PgConnection, ring: &Ring) {
    let issued = now();
    let began = Instant::now();
    for first in (0..ring.len()).step_by(usize::try_from(CHUNK).unwrap()) {
        let nodes = first..(first + CHUNK).min(ring.len());
        let keys: Vec<Vec<u8>> = nodes.clone().map(|node| ring.key(node).as_bytes().to_vec()).collect();
        sqlx::query("INSERT INTO nodes (node, renewed, live, transit) SELECT k, $2, TRUE, TRUE FROM unnest($1::bytea[]) k")
            .bind(keys)
            .bind(issued.0.cast_signed())
            .execute(&mut *connection)
            .await
            .unwrap();
        let (mut ids, mut edges_a, mut edges_b) = (Vec::new(), Vec::new(), Vec::new());
        for (node, step) in nodes.flat_map(|node| (1..=DEGREE).map(move |step| (node, step))) {
            let entry = ring.entry(node, step, "tcp", issued).entry;
            ids.push(entry.id().as_bytes().to_vec());
            edges_a.push(entry.edges[0].as_bytes().to_vec());
            edges_b.push(entry.edges[1].as_bytes().to_vec());
        }
        sqlx::query(
            "INSERT INTO transports SELECT i, a, b, 'tcp', $4, $5, $5, TRUE, $4, 0, \
            TRUE, $4, 20000, 0, 0, TRUE, $4, 20000, 0, 0 FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) v (i, a, b)",
        )
        .bind(ids)
        .bind(edges_a)
        .bind(edges_b)
        .bind(issued.0.cast_signed())
        .bind(vec![0_u8; 64])
        .execute(&mut *connection)
        .await
        .unwrap();
    }
    for statement in [
        "INSERT INTO transport_counts SELECT kind, up, COUNT(*) FROM transports GROUP BY kind, up",
        "UPDATE counters SET value = (SELECT COUNT(*) FROM nodes) WHERE name = 'nodes'",
        "VACUUM ANALYZE",
    ] {
        sqlx::query(statement).execute(&mut *connection).await.unwrap();
    }
    let size: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(connection)
        .await
        .unwrap();
    println!("loaded in {:.0} s; the database has {} MB", began.elapsed().as_secs_f64(), size / 1_000_000);
}

/// CPU seconds of this process and of all of PostgreSQL's that live.
async fn cpu(connection: &mut PgConnection) -> [f64; 2] {
    let of = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default();
        (ticks(11) + ticks(12)) / 100.0
    };
    let backends = sqlx::query("SELECT pid FROM pg_stat_activity").fetch_all(connection).await.unwrap();
    [of("self"), backends.iter().map(|row| of(&row.get::<i32, _>(0).to_string())).sum()]
}

/// Has many callers do something over and over, and says how often they could.
async fn measure<F: Future<Output = ()> + Send>(
    what: &str,
    seconds: u64,
    connection: &mut PgConnection,
    call: impl Fn(u64) -> F + Clone + Send + 'static,
) {
    let (before, began) = (cpu(connection).await, Instant::now());
    let done = Arc::new(AtomicU64::new(0));
    let until = began + Duration::from_secs(seconds);
    let callers = (0..CALLERS).map(|caller| {
        let (call, done) = (call.clone(), done.clone());
        tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            for round in 0.. {
                let asked = Instant::now();
                if asked > until {
                    break;
                }
                call(caller + round * CALLERS).await;
                slowest = slowest.max(asked.elapsed());
                done.fetch_add(1, Ordering::Relaxed);
            }
            slowest
        })
    });
    let mut slowest = Duration::ZERO;
    for caller in callers.collect::<Vec<_>>() {
        slowest = slowest.max(caller.await.unwrap());
    }
    let (elapsed, after) = (began.elapsed().as_secs_f64(), cpu(connection).await);
    let count = u32::try_from(done.load(Ordering::Relaxed)).unwrap();
    println!(
        "{what}: {:.0}/s, slowest {} ms, CPU µs each: {:.0} here, {:.0} PostgreSQL",
        f64::from(count) / elapsed,
        slowest.as_millis(),
        (after[0] - before[0]) / f64::from(count) * 1e6,
        (after[1] - before[1]) / f64::from(count) * 1e6,
    );
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_000
}

/// Reads everything as a snapshot does.
async fn read_all(store: &Store) {
    let (began, before) = (Instant::now(), resident_mb());
    let (mut filter, mut count, mut most) = (Filter::default(), 0, 0);
    loop {
        let page = store.transports().list(&filter, SNAPSHOT_PART).await.unwrap();
        count += page.len();
        most = most.max(resident_mb());
        filter.after = page.last().map(|view| view.id);
        if page.len() < SNAPSHOT_PART {
            break;
        }
    }
    let elapsed = began.elapsed().as_secs_f64();
    println!("all {count} transports read in {elapsed:.0} s; resident {before} MB before, {most} MB at most");
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("NODES SECONDS"));
    let (nodes, seconds) = (arguments.next().unwrap_or(1_000_000), arguments.next().unwrap_or(10));
    let server = Postgres::start().expect("PostgreSQL is installed");
    let url = server.url(&server.database().unwrap());
    let store = Store::open(&url).await.unwrap();
    let ring = Ring::new(nodes);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    load(&mut connection, &ring).await;

    let beat = |store: Store, ring: Ring, span: u64| {
        move |call: u64| {
            let (store, ring, node) = (store.clone(), ring.clone(), call % span);
            async move {
                let stamp = Stamp { created: now(), mark: call + 1 };
                let reports = ring.reports(node);
                store.transports().heartbeat(&ring.key(node), true, &reports, stamp, now()).await.unwrap();
            }
        }
    };
    let first = beat(store.clone(), ring.clone(), ring.len());
    measure("first heartbeats of their nodes", seconds, &mut connection, first).await;
    let again = beat(store.clone(), ring.clone(), ring.len().min(REMEMBERED));
    measure("heartbeats of nodes that are remembered", seconds, &mut connection, again).await;
    let (registry, keys) = (store.clone(), ring.clone());
    let register = move |call: u64| {
        let (store, ring) = (registry.clone(), keys.clone());
        async move {
            let entry = ring.entry(call, DEGREE + 1 + call / ring.len(), "quic", now());
            store.transports().register(&entry, &ring.key(call), now()).await.unwrap();
        }
    };
    measure("registrations", seconds, &mut connection, register).await;
    let (registry, keys) = (store.clone(), ring.clone());
    let list = move |call: u64| {
        let (store, edge) = (registry.clone(), Some(keys.key(call * 7_919)));
        async move {
            let listed = store.transports().list(&Filter { edge, ..Filter::default() }, 100).await.unwrap();
            assert!(listed.len() >= 10);
        }
    };
    measure("transports of one node", seconds, &mut connection, list).await;
    read_all(&store).await;
}
