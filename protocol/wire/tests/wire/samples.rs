//! Fixed values of every field type, for examples and signature tests.

use byway_base::{
    OverlayAddress, Port, PublicKey, RouteId, RoutingId, SecretKey, TransportId, TransportType, UnixTime,
};
use byway_wire::{
    Candidate, Hop, Record, RecordBody, RouteRequest, SignedRecord, SignedRouteRequest, SignedTransportEntry,
    TransportEntry, punch::Candidates, route_request::path_digest,
};

/// The time at which the samples are issued.
pub(crate) const NOW: UnixTime = UnixTime(1_700_000_000);

/// Key pair number `n`, the same in every run.
pub(crate) fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

/// The public half of [`secret`].
pub(crate) fn key(n: u8) -> PublicKey {
    secret(n).public()
}

pub(crate) fn kind(name: &str) -> TransportType {
    TransportType::new(name).unwrap()
}

pub(crate) fn label(n: u32) -> RoutingId {
    RoutingId(n)
}

pub(crate) fn route() -> RouteId {
    RouteId::from_bytes(*b"a route of three")
}

pub(crate) fn transport(a: u8, b: u8) -> TransportId {
    TransportId::derive(&key(a), &key(b), &kind("tcp"))
}

/// The path 1 → 2 → 3.
pub(crate) fn hops() -> Vec<Hop> {
    [(1, 2), (2, 3)].map(|(a, b)| Hop { transport: transport(a, b), from: key(a), to: key(b) }).to_vec()
}

pub(crate) fn request() -> RouteRequest {
    RouteRequest {
        route: route(),
        source: OverlayAddress { key: key(1), port: Port(49_152) },
        destination: OverlayAddress { key: key(3), port: Port(80) },
        path: path_digest(&hops()),
        expires: UnixTime(NOW.0 + 30),
    }
}

pub(crate) fn signed_request() -> SignedRouteRequest {
    request().sign(&secret(1))
}

pub(crate) fn entry() -> TransportEntry {
    TransportEntry::new(key(1), key(2), kind("tcp"), NOW)
}

pub(crate) fn signed_entry() -> SignedTransportEntry {
    let (mine, other) = (entry().sign(&secret(1)), entry().sign(&secret(2)));
    entry().with_signatures(&key(1), mine, other)
}

fn record(subject: u8, body: RecordBody) -> Record {
    Record { subject: key(subject), sequence: 7, expires: UnixTime(NOW.0 + 120), body }
}

pub(crate) fn node_record() -> Record {
    let candidate =
        |name: &str, address: &str| Candidate { kind: kind(name), address: address.parse().unwrap() };
    let candidates = vec![candidate("tcp", "192.0.2.1:7000"), candidate("quic", "[2001:db8::1]:7001")];
    record(1, RecordBody::Node { servers: vec![key(8), key(9)], candidates, transit: true })
}

pub(crate) fn silent_node_record() -> Record {
    record(1, RecordBody::Node { servers: Vec::new(), candidates: Vec::new(), transit: false })
}

pub(crate) fn server_record() -> Record {
    let addresses = vec!["192.0.2.8:443".parse().unwrap(), "[2001:db8::8]:443".parse().unwrap()];
    let udp = vec!["192.0.2.8:443".parse().unwrap()];
    record(
        8,
        RecordBody::Server {
            addresses,
            udp,
            capacity: 65_536,
            clients: 12,
            region: "Zürich".into(),
            draining: false,
        },
    )
}

pub(crate) fn tombstone_record() -> Record {
    record(1, RecordBody::Tombstone {})
}

pub(crate) fn signed_record() -> SignedRecord {
    node_record().sign(&secret(1))
}

pub(crate) fn candidates(addresses: &[&str]) -> Candidates {
    Candidates::new(addresses.iter().map(|address| address.parse().unwrap()))
}
