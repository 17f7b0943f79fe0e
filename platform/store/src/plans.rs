//! How the databases carry out what the store asks of them: by an index wherever a table grows with the network.
//!
//! Every statement that the store really sends is caught while all operations are done once, on tables with enough rows that
//! it matters, and then explained by the database.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use byway_api::transport_discovery::{Metrics, TransportReport, TransportState};
use byway_base::{SecretKey, Stamp, TransportType, UnixTime, limits::LEASE};
use byway_testkit::postgres_or_skip;
use byway_wire::{Record, RecordBody, SignedTransportEntry, TransportEntry};
use sqlx::Row as _;

use crate::{
    Store,
    db::{Db, Statement, Table, query},
    records::ServerFilter,
    transports::Filter,
};

const NOW: UnixTime = UnixTime(1_800_000_000);
/// Rows in each table, where the plan depends on their number, and where it does not.
const MANY: u64 = 60_000;
const SOME: u64 = 2_000;

/// The tables that grow, and what statements call them beside.
const GROWING: [(&str, &[&str]); 5] = [
    ("transports", &["t"]),
    ("nodes", &["n", "na", "nb"]),
    ("changes", &["c"]),
    ("transport_tombstones", &["d"]),
    ("records", &[]),
];

/// Statements that look at all rows of a table, and may.
const COUNTS: [&str; 1] =
    ["SELECT kind, COUNT(*) AS n, CAST(SUM(clients) AS BIGINT) AS clients FROM records"];

thread_local! {
    static CAUGHT: RefCell<Option<BTreeMap<String, Statement>>> = const { RefCell::new(None) };
}

/// Called with everything that is sent.
pub(crate) fn note(statement: &Statement) {
    CAUGHT.with_borrow_mut(|caught| {
        if let Some(caught) = caught {
            caught.entry(statement.sql.clone()).or_insert_with(|| statement.clone());
        }
    });
}

fn key(number: u64) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    // Spread as keys and ids are.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    seed[8..16].copy_from_slice(&spread.to_be_bytes());
    seed.rotate_left(8);
    seed
}

/// Fills every table that grows.
async fn fill(store: &Store, rows: u64) {
    let blob = |number: u64, length: usize| key(number)[..length].to_vec();
    let mut nodes = Table::new(&["node", "renewed", "live", "transit"]);
    let mut transports =
        Table::new(&["id", "edge_a", "edge_b", "kind", "issued", "signature", "up", "since", "sequence"]);
    let mut changes = Table::new(&["sequence", "happened", "kind", "subject"]);
    let mut tombstones = Table::new(&["id", "deleted"]);
    let mut records = Table::new(&["subject", "sequence", "expires", "kind", "load", "body"]);
    for row in 1..=rows {
        let (id, signature) = (blob(row, 16), vec![0; 64]);
        nodes.row([blob(row, 32).into(), NOW.into(), true.into(), true.into()]);
        let edges = [blob(row, 32).into(), blob(row % 50 + rows - 60, 32).into()];
        let kind = if row % 100 == 0 { "quic" } else { "tcp" };
        let state = [(row % 50 != 0).into(), NOW.into(), row.into()];
        let entry = [kind.into(), NOW.into(), signature.into()];
        transports.row([id.clone().into()].into_iter().chain(edges).chain(entry).chain(state));
        changes.row([row.into(), NOW.into(), 1_i64.into(), id.clone().into()]);
        tombstones.row([id.into(), NOW.into()]);
        let expires = UnixTime(NOW.0 + 100);
        records.row([
            blob(row, 32).into(),
            row.into(),
            expires.into(),
            i64::from(row % 1_000 == 0).into(),
            0_i64.into(),
            vec![1].into(),
        ]);
    }
    let mut tx = store.begin().await.unwrap();
    for (fill, table) in [
        ("INSERT INTO nodes (node, renewed, live, transit) SELECT v.* FROM v", nodes),
        (
            "INSERT INTO transports SELECT id, edge_a, edge_b, kind, issued, signature, signature, up, since, sequence, \
            TRUE, 1, 0, 0, 0, up, 1, 0, 0, 0 FROM v",
            transports,
        ),
        ("INSERT INTO changes SELECT v.* FROM v", changes),
        ("INSERT INTO transport_tombstones SELECT v.* FROM v", tombstones),
        (
            "INSERT INTO records SELECT subject, sequence, expires, expires, kind, FALSE, load, 0, '', body, body FROM v",
            records,
        ),
    ] {
        for chunk in table.chunks(1_000) {
            tx.execute(query(fill).with(chunk)).await.unwrap();
        }
    }
    tx.execute(query("UPDATE counters SET value = $1 WHERE name = 'changes'").bind(rows)).await.unwrap();
    tx.commit().await.unwrap();
    store.fetch(query("ANALYZE")).await.unwrap();
}

fn signed(a: u8, b: u8, issued: UnixTime) -> SignedTransportEntry {
    let (a, b) = (SecretKey::from_seed([a; 32]), SecretKey::from_seed([b; 32]));
    let entry = TransportEntry::new(a.public(), b.public(), TransportType::new("tcp").unwrap(), issued);
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    entry.with_signatures(&a.public(), by_a, by_b)
}

/// Does everything that can be done, each in every way that makes a statement of its own.
async fn exercise(store: &Store, rows: u64) {
    let registry = store.transports();
    let (first, node) = (signed(1, 2, NOW), SecretKey::from_seed([1; 32]).public());
    let id = first.entry.id();
    registry.register(&first, &node, NOW).await.unwrap();
    registry.register(&signed(1, 2, UnixTime(NOW.0 + 1)), &node, NOW).await.unwrap();
    for (mark, rtt_us) in [(1, 10_000), (2, 10_000), (3, 90_000)] {
        let report = TransportReport { id, up: true, metrics: Metrics { rtt_us, ..Metrics::default() } };
        registry.heartbeat(&node, true, &[report], Stamp { created: NOW, mark }, NOW).await.unwrap();
    }
    registry.get(&id).await.unwrap();
    let (edge, kind) = (Some(node), Some(TransportType::new("quic").unwrap()));
    let (state, after) = (Some(TransportState::Down), Some(id));
    for filter in [
        Filter::default(),
        Filter { after, ..Filter::default() },
        Filter { edge, ..Filter::default() },
        Filter { kind: kind.clone(), after, ..Filter::default() },
        Filter { state, after, ..Filter::default() },
        Filter { edge, kind, state, after },
    ] {
        registry.list(&filter, 100).await.unwrap();
    }
    registry.nodes(Some(&node), 100).await.unwrap();
    registry.stats().await.unwrap();
    registry.oldest_kept().await.unwrap();
    registry.changes_since(rows - 10, 100).await.unwrap();
    registry.remove(&id, UnixTime(NOW.0 + 1), NOW).await.unwrap();
    // Nobody's lease passes, but for one.
    let mut tx = store.begin().await.unwrap();
    tx.execute(query("UPDATE nodes SET renewed = 1 WHERE node = $1").bind(&node)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(registry.sweep(NOW.plus(LEASE)).await.unwrap().lapsed, 1);
    let soon = NOW.plus(LEASE);

    let secret = SecretKey::from_seed([9; 32]);
    let record =
        Record { subject: secret.public(), sequence: 1, expires: soon, body: RecordBody::Tombstone {} };
    let records = store.records();
    records.put(&record.sign(&secret), NOW).await.unwrap();
    records.get(&secret.public(), NOW).await.unwrap();
    records.get_many(&[secret.public(), node], NOW).await.unwrap();
    records.servers(&ServerFilter::default(), 0, NOW).await.unwrap();
    records.stats(NOW).await.unwrap();
    records.sweep(NOW).await.unwrap();
    store.check().await.unwrap();
}

/// The lines of a statement's plan.
async fn explain(db: &Db, mut statement: Statement) -> Vec<String> {
    match db {
        Db::Pg(pool) => {
            statement.sql.insert_str(0, "EXPLAIN ");
            let lines = statement.bind_pg().fetch_all(pool).await.unwrap();
            lines.iter().map(|line| line.get(0)).collect()
        }
        Db::Lite { writer, .. } => {
            statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
            let lines = statement.bind_lite().fetch_all(writer).await.unwrap();
            lines.iter().map(|line| line.get("detail")).collect()
        }
    }
}

/// The table that a line says is read from end to end, if it is one that grows.
fn scanned(line: &str) -> Option<&'static str> {
    let rest = line
        .split_once("Seq Scan on ")
        .or_else(|| line.split_once("SCAN ").filter(|_| !line.contains("USING")))?
        .1;
    let name = rest.split_whitespace().next()?;
    GROWING.iter().find(|(table, others)| *table == name || others.contains(&name)).map(|(table, _)| *table)
}

async fn assert_plans(store: &Store, rows: u64) {
    fill(store, rows).await;
    CAUGHT.set(Some(BTreeMap::new()));
    exercise(store, rows).await;
    let caught = CAUGHT.take().unwrap();
    let mut touched = BTreeSet::new();
    let mut breaches = Vec::new();
    for (sql, statement) in caught {
        let words: BTreeSet<_> = sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let about: Vec<_> =
            GROWING.iter().map(|(table, _)| *table).filter(|table| words.contains(table)).collect();
        let may_scan = about.is_empty() || COUNTS.iter().any(|count| sql.starts_with(count));
        touched.extend(about);
        if may_scan {
            continue;
        }
        let plan = explain(store.db().unwrap(), statement).await;
        for line in plan.iter().filter(|line| scanned(line).is_some()) {
            breaches.push(format!("{line}\n  of {sql}\n  {}", plan.join("\n  ")));
        }
    }
    assert_eq!(touched.len(), GROWING.len(), "statements about every table were caught: {touched:?}");
    assert!(breaches.is_empty(), "{}", breaches.join("\n\n"));
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index_in_postgres() {
    let Some(server) = postgres_or_skip() else { return };
    let store = Store::open(&server.url(&server.database().unwrap())).await.unwrap();
    assert_plans(&store, MANY).await;
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index_in_sqlite() {
    assert_plans(&Store::open("sqlite::memory:").await.unwrap(), SOME).await;
}

#[test]
fn a_scan_of_a_table_that_grows_is_seen_under_any_of_its_names() {
    assert_eq!(scanned("  ->  Seq Scan on transports t  (cost=0.00..1.00)"), Some("transports"));
    assert_eq!(scanned("SCAN nb"), Some("nodes"));
    assert_eq!(scanned("SCAN t USING INDEX transports_by_kind"), None);
    assert_eq!(scanned("  ->  Index Scan using nodes_pkey on nodes"), None);
    assert_eq!(scanned("Seq Scan on counters"), None);
}
