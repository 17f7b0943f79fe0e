//! Rows 1 and 3: what is registered without its edges' signatures, and what others' signatures remove.

use byway_api::{
    messaging_discovery::{GetRecord, PutRecord, RecordPath},
    transport_discovery::{
        DeleteTransport, EntryQuery, GetTransport, Heartbeat, HeartbeatRequest, Metrics, PutTransport,
        TransportPath, TransportReport, TransportState, TransportView,
    },
};
use byway_base::{Code, OverlayAddress, Policy, Port, Problem, SecretKey, Signature, TransportId, UnixTime};
use byway_clock::unix_now;
use byway_node::{Node, PathChoice, ServiceAddress};
use byway_route_finder::RouteFinder;
use byway_service_kit::Service;
use byway_testkit::wait::until;
use byway_wire::{RecordBody, SignedTransportEntry};
use tokio::time::timeout;

use crate::support::{
    Book, LyingDiscovery, PATIENCE, Plane, RawRequest, Running, config_of, entry, key, secret, tcp_between,
    view,
};

async fn put(plane: &Plane, caller: u8, signed: &SignedTransportEntry) -> Result<TransportView, Problem> {
    let path = TransportPath { id: signed.entry.id() };
    plane.transport_discovery.client(&secret(caller)).call::<PutTransport>(path, (), signed.clone()).await
}

async fn get(plane: &Plane, id: TransportId) -> Result<TransportView, Problem> {
    plane.transport_discovery.client(&secret(200)).call::<GetTransport>(TransportPath { id }, (), ()).await
}

/// The entry of `1` and `2` with signatures that are missing, turned around, another entry's or other people's.
fn forgeries() -> Vec<SignedTransportEntry> {
    let good = entry(&secret(1), &secret(2), unix_now());
    let [first, second] = good.signatures;
    let older = entry(&secret(1), &secret(2), UnixTime(1));
    let missing = Signature::from_bytes([0; 64]);
    let by = |signer: &SecretKey| good.entry.sign(signer);
    [
        [missing, missing],
        [first, missing],
        [missing, second],
        [second, first],
        [first, first],
        [by(&secret(66)), second],
        [first, by(&secret(66))],
        older.signatures,
    ]
    .map(|signatures| SignedTransportEntry { entry: good.entry.clone(), signatures })
    .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transport_with_a_missing_wrong_or_third_partys_signature_is_not_registered() {
    let plane = Plane::start().await;
    for forged in forgeries() {
        for edge in [1, 2] {
            assert_eq!(put(&plane, edge, &forged).await.unwrap_err().code, Code::BadSignature);
        }
    }
    let good = entry(&secret(1), &secret(2), unix_now());
    assert_eq!(put(&plane, 66, &good).await.unwrap_err().code, Code::Denied, "a third party brings it");
    assert_eq!(get(&plane, good.entry.id()).await.unwrap_err().code, Code::NotFound);
    assert_eq!(put(&plane, 1, &good).await.unwrap().signed, good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transports_that_a_lying_discovery_invents_lead_nobody_anywhere() {
    let plane = Plane::start().await;
    let genuine = view(entry(&secret(1), &secret(2), unix_now()));
    let forge = |a: u8, b: u8| {
        let mut forged = entry(&secret(a), &secret(b), unix_now());
        forged.signatures[0] = forged.entry.sign(&secret(66));
        view(forged)
    };
    let mut renamed = view(entry(&secret(6), &secret(7), unix_now()));
    renamed.id = tcp_between(key(1), key(7));
    let book = Book { snapshot: vec![genuine, forge(1, 3), renamed], changes: vec![forge(2, 4)] };
    let lying = LyingDiscovery::start(book).await;
    let settings = [("transport_discovery", lying.url.clone())];
    let elsewhere = tempfile::tempdir().unwrap();
    let finder = RouteFinder::bind(config_of::<RouteFinder>(elsewhere.path(), &settings)).await.unwrap();
    let mirrored = finder.mirrored();
    let finder = Running::of(finder);
    timeout(PATIENCE, mirrored.reached(lying.last)).await.unwrap();

    let mut config = plane.node_config(1, &[]);
    config.route_finder = Some(ServiceAddress { url: finder.url(), key: Some(finder.key) });
    let node = Node::start(config).await.unwrap();
    let paths = node.find_paths(key(2), &Policy::default(), 3, false).await.unwrap().paths;
    assert_eq!(paths.len(), 1, "the one transport that both edges signed");
    for nobody in [3, 4, 6, 7] {
        let to = OverlayAddress { key: key(nobody), port: Port(80) };
        let refused = node.dial(to, PathChoice::default()).await.unwrap_err();
        assert_eq!(refused.code, Code::NoPath, "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_entry_of_others_removes_nothing() {
    let plane = Plane::start().await;
    let nodes = plane.row(&[1, 2], &[]).await;
    let path = TransportPath { id: tcp_between(nodes[0].key(), nodes[1].key()) };
    let published = get(&plane, path.id).await.unwrap().signed;
    let of = EntryQuery { issued: published.entry.issued };
    let address = plane.transport_discovery.address;
    let (text, body) = (format!("/v1/transports/{}", path.id), serde_json::to_string(&published).unwrap());
    let mut by_nobody = RawRequest::signed(&secret(66), "DELETE", address, &text, &body);
    by_nobody.signature.clear();
    assert_eq!(by_nobody.send(address).await, (401, "BW-UNSIGNED".to_owned()));

    let eve = plane.transport_discovery.client(&secret(66));
    for refused in [
        eve.call::<DeleteTransport>(path, of, ()).await.unwrap_err(),
        eve.call::<PutTransport>(path, (), published).await.unwrap_err(),
    ] {
        assert_eq!(refused.code, Code::Denied);
    }
    let down = TransportReport { id: path.id, up: false, metrics: Metrics::default() };
    let request = HeartbeatRequest { transit: false, transports: vec![down].try_into().unwrap() };
    assert_eq!(eve.call::<Heartbeat>((), (), request).await.unwrap().unknown, [path.id]);
    assert_eq!(get(&plane, path.id).await.unwrap().state, TransportState::Up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_transport_does_not_return_with_its_old_signatures() {
    let plane = Plane::start().await;
    let old = entry(&secret(1), &secret(2), unix_now());
    put(&plane, 1, &old).await.unwrap();
    let path = TransportPath { id: old.entry.id() };
    let of = EntryQuery { issued: old.entry.issued };
    plane.transport_discovery.client(&secret(1)).call::<DeleteTransport>(path, of, ()).await.unwrap();
    for edge in [1, 2] {
        assert_eq!(put(&plane, edge, &old).await.unwrap_err().code, Code::Conflict);
    }
    assert_eq!(get(&plane, path.id).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_of_a_node_that_left_cannot_be_brought_back_nor_replaced_by_others() {
    let plane = Plane::start().await;
    let node = Node::start(plane.node_config(1, &[])).await.unwrap();
    let path = RecordPath { key: node.key() };
    let directory = |caller: u8| plane.messaging_discovery.client(&secret(caller));
    let read = async || directory(200).call::<GetRecord>(path, (), ()).await;
    let record = until("contact record", PATIENCE, read).await;
    let tombstone = {
        let mut tombstone = record.record.clone();
        (tombstone.sequence, tombstone.body) = (record.record.sequence + 1, RecordBody::Tombstone {});
        tombstone
    };
    let refused = async |caller: u8, record: byway_wire::SignedRecord| {
        directory(caller).call::<PutRecord>(path, (), record).await.unwrap_err().code
    };
    assert_eq!(refused(66, record.clone()).await, Code::Denied, "its own record, brought by another");
    assert_eq!(refused(66, tombstone.clone().sign(&secret(66))).await, Code::Denied);
    let altered = byway_wire::SignedRecord { record: tombstone, signature: record.signature };
    assert_eq!(refused(1, altered).await, Code::BadSignature);
    assert_eq!(read().await.unwrap().record.sequence, record.record.sequence);

    node.stop().await;
    let gone = read().await.unwrap();
    assert_eq!(gone.record.body, RecordBody::Tombstone {});
    assert_eq!(refused(1, record).await, Code::Conflict);
    assert_eq!(read().await.unwrap(), gone);
}
