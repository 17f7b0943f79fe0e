//! What a signature covers, and what it must not be taken for.

use std::net::{SocketAddr, SocketAddrV6};

use byway_base::{
    OverlayAddress, Port, RouteId, SecretKey, Signature, UnixTime,
    limits::{CLOCK_SKEW, HOPS_MAX, RECORD_ENTRIES, RECORD_TTL, ROUTE_REQUEST_TTL},
};
use byway_wire::{
    Candidate, Hop, Record, RecordBody, RouteRequest, SignedRecord, SignedRouteRequest, SignedTransportEntry,
    TransportEntry, encode,
    record::RecordError,
    route_request::{RequestError, path_digest},
    transport_entry::EntryError,
};

use crate::samples::{
    NOW, entry, hops, key, kind, node_record, request, secret, server_record, signed_entry, signed_record,
    signed_request, tombstone_record, transport,
};

const DOMAINS: [&[u8]; 3] =
    [b"byway contact record v1\0", b"byway transport entry v1\0", b"byway route request v1\0"];

/// Signatures by `secret` over `body` that belong to other kinds of statement: each domain but `own`, and none.
fn signatures_of_other_domains(secret: &SecretKey, own: &[u8], body: &[u8]) -> Vec<Signature> {
    let others = DOMAINS.into_iter().filter(|domain| *domain != own).chain([&b""[..]]);
    others.map(|domain| secret.sign(&[domain, body].concat())).collect()
}

#[test]
fn each_kind_of_statement_is_signed_under_its_own_domain() {
    let signed = [node_record().signed_bytes(), entry().signed_bytes(), request().signed_bytes()];
    for (i, bytes) in signed.iter().enumerate() {
        let domains: Vec<_> = (0..DOMAINS.len()).filter(|d| bytes.starts_with(DOMAINS[*d])).collect();
        assert_eq!(domains, [i]);
    }
}

fn record_with(change: impl FnOnce(&mut Record)) -> Result<(), RecordError> {
    let SignedRecord { mut record, signature } = signed_record();
    change(&mut record);
    SignedRecord { record, signature }.verify(NOW)
}

fn node_with(
    change: impl FnOnce(&mut Vec<byway_base::PublicKey>, &mut Vec<Candidate>, &mut bool),
) -> Result<(), RecordError> {
    record_with(|record| match &mut record.body {
        RecordBody::Node { servers, candidates, transit } => change(servers, candidates, transit),
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_record_with_any_field_altered_is_refused() {
    let refused = Err(RecordError::Signature);
    assert_eq!(record_with(|_| ()), Ok(()));
    assert_eq!(record_with(|record| record.subject = key(2)), refused);
    assert_eq!(record_with(|record| record.sequence += 1), refused);
    assert_eq!(record_with(|record| record.expires.0 -= 1), refused);
    assert_eq!(record_with(|record| record.body = RecordBody::Tombstone {}), refused);
    assert_eq!(node_with(|servers, _, _| servers.swap(0, 1)), refused);
    assert_eq!(node_with(|servers, _, _| servers.clear()), refused);
    assert_eq!(node_with(|_, candidates, _| candidates[0].kind = kind("quic")), refused);
    assert_eq!(node_with(|_, candidates, _| candidates[0].address.set_port(1)), refused);
    assert_eq!(node_with(|_, _, transit| *transit = false), refused);
}

#[test]
fn a_record_signed_by_another_or_for_another_purpose_is_refused() {
    let by_another = node_record().sign(&secret(2));
    assert_eq!(by_another.verify(NOW), Err(RecordError::Signature));
    let body = encode(&node_record());
    for signature in signatures_of_other_domains(&secret(1), DOMAINS[0], &body) {
        let signed = SignedRecord { record: node_record(), signature };
        assert_eq!(signed.verify(NOW), Err(RecordError::Signature));
    }
    let of_entry = SignedRecord { record: node_record(), signature: entry().sign(&secret(1)) };
    assert_eq!(of_entry.verify(NOW), Err(RecordError::Signature));
}

#[test]
fn a_record_counts_from_its_making_until_the_second_it_expires() {
    let longest = UnixTime(NOW.0 + RECORD_TTL.as_secs() + CLOCK_SKEW.as_secs());
    let expiring = |expires| Record { expires, ..tombstone_record() }.sign(&secret(1)).verify(NOW);
    assert_eq!(expiring(NOW), Err(RecordError::Expired));
    assert_eq!(expiring(UnixTime(NOW.0 + 1)), Ok(()));
    assert_eq!(expiring(longest), Ok(()));
    assert_eq!(expiring(UnixTime(longest.0 + 1)), Err(RecordError::TooLong));
    assert_eq!(expiring(UnixTime(u64::MAX)), Err(RecordError::TooLong));
}

#[test]
fn a_record_lists_a_limited_number_of_servers_and_addresses() {
    let with = |servers, candidates| {
        let candidate = Candidate { kind: kind("tcp"), address: "192.0.2.1:1".parse().unwrap() };
        let (servers, candidates) = (vec![key(8); servers], vec![candidate; candidates]);
        let body = RecordBody::Node { servers, candidates, transit: false };
        Record { body, ..node_record() }.sign(&secret(1)).verify(NOW)
    };
    assert_eq!(with(RECORD_ENTRIES, RECORD_ENTRIES), Ok(()));
    assert_eq!(with(RECORD_ENTRIES + 1, 0), Err(RecordError::TooMany));
    assert_eq!(with(0, RECORD_ENTRIES + 1), Err(RecordError::TooMany));
}

#[test]
fn a_record_that_says_more_than_its_signature_covers_is_refused() {
    let with_region = |length: usize| {
        let mut record = server_record();
        if let RecordBody::Server { region, .. } = &mut record.body {
            *region = "r".repeat(length);
        }
        record.sign(&secret(8)).verify(NOW)
    };
    assert_eq!(with_region(255), Ok(()));
    assert_eq!(with_region(256), Err(RecordError::Signature));

    let with_scope = |scope| {
        let address = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 0, scope));
        let candidates = vec![Candidate { kind: kind("tcp"), address }];
        let body = RecordBody::Node { servers: Vec::new(), candidates, transit: false };
        Record { body, ..node_record() }.sign(&secret(1)).verify(NOW)
    };
    assert_eq!(with_scope(0), Ok(()));
    assert_eq!(with_scope(3), Err(RecordError::Signature));
}

fn entry_with(change: impl FnOnce(&mut SignedTransportEntry)) -> Result<(), EntryError> {
    let mut signed = signed_entry();
    change(&mut signed);
    signed.verify()
}

#[test]
fn an_entry_with_any_field_altered_is_refused() {
    let refused = |edge| Err(EntryError::Signature { edge });
    assert_eq!(entry_with(|_| ()), Ok(()));
    assert_eq!(entry_with(|signed| signed.entry.kind = kind("quic")), refused(0));
    assert_eq!(entry_with(|signed| signed.entry.issued.0 += 1), refused(0));
    assert_eq!(entry_with(|signed| signed.entry.edges.reverse()), Err(EntryError::Edges));
    assert_eq!(entry_with(|signed| signed.entry.edges[0] = signed.entry.edges[1]), Err(EntryError::Edges));
    assert_eq!(entry_with(|signed| signed.signatures.swap(0, 1)), refused(0));
    let one_twice = TransportEntry { edges: [key(1); 2], ..entry() };
    let signature = one_twice.sign(&secret(1));
    assert_eq!(one_twice.with_signatures(&key(1), signature, signature).verify(), Err(EntryError::Edges));
}

#[test]
fn an_entry_needs_the_signatures_of_both_edges_for_this_purpose() {
    let third = entry().sign(&secret(3));
    for edge in [0, 1] {
        assert_eq!(entry_with(|signed| signed.signatures[edge] = third), Err(EntryError::Signature { edge }));
        let secret = [1, 2].map(secret).into_iter().find(|s| s.public() == entry().edges[edge]).unwrap();
        for signature in signatures_of_other_domains(&secret, DOMAINS[1], &encode(&entry())) {
            let refused = Err(EntryError::Signature { edge });
            assert_eq!(entry_with(|signed| signed.signatures[edge] = signature), refused);
        }
    }
}

#[test]
fn both_edges_build_the_same_entry_whoever_dials() {
    let swapped = TransportEntry::new(key(2), key(1), kind("tcp"), NOW);
    assert_eq!(swapped, entry());
    let (mine, other) = (swapped.sign(&secret(2)), swapped.sign(&secret(1)));
    assert_eq!(swapped.with_signatures(&key(2), mine, other), signed_entry());
    assert_eq!(entry().other_edge(&key(1)), Some(key(2)));
    assert_eq!(entry().other_edge(&key(3)), None);
}

fn request_with(change: impl FnOnce(&mut RouteRequest)) -> Result<(), RequestError> {
    let SignedRouteRequest { mut request, signature } = signed_request();
    change(&mut request);
    SignedRouteRequest { request, signature }.verify(NOW)
}

#[test]
fn a_route_request_with_any_field_altered_is_refused() {
    let refused = Err(RequestError::Signature);
    let other = OverlayAddress { key: key(2), port: Port(80) };
    assert_eq!(request_with(|_| ()), Ok(()));
    assert_eq!(request_with(|request| request.route = RouteId::from_bytes([0; 16])), refused);
    assert_eq!(request_with(|request| request.source.port = Port(1)), refused);
    assert_eq!(request_with(|request| request.source = other), refused);
    assert_eq!(request_with(|request| request.destination.port = Port(81)), refused);
    assert_eq!(request_with(|request| request.destination = other), refused);
    assert_eq!(request_with(|request| request.path[31] ^= 1), refused);
    assert_eq!(request_with(|request| request.expires.0 += 1), refused);
}

#[test]
fn a_route_request_signed_by_another_or_for_another_purpose_is_refused() {
    assert_eq!(request().sign(&secret(3)).verify(NOW), Err(RequestError::Signature));
    for signature in signatures_of_other_domains(&secret(1), DOMAINS[2], &encode(&request())) {
        let signed = SignedRouteRequest { request: request(), signature };
        assert_eq!(signed.verify(NOW), Err(RequestError::Signature));
    }
}

#[test]
fn a_route_request_counts_for_its_time_and_the_tolerated_clock_difference() {
    let skew = CLOCK_SKEW.as_secs();
    let longest = UnixTime(NOW.0 + ROUTE_REQUEST_TTL.as_secs() + skew);
    let expiring = |expires| RouteRequest { expires, ..request() }.sign(&secret(1)).verify(NOW);
    assert_eq!(expiring(UnixTime(NOW.0 - skew)), Err(RequestError::Expired));
    assert_eq!(expiring(UnixTime(NOW.0 - skew + 1)), Ok(()));
    assert_eq!(expiring(longest), Ok(()));
    assert_eq!(expiring(UnixTime(longest.0 + 1)), Err(RequestError::Expired));
}

/// The verdict on a request from 1 to 3 that was signed for exactly `hops`.
fn path(hops: &[Hop]) -> Result<(), RequestError> {
    let signed = RouteRequest { path: path_digest(hops), ..request() }.sign(&secret(1));
    signed.verify_with_path(NOW, hops)
}

/// A hop between sample keys.
fn hop(a: u8, b: u8) -> Hop {
    Hop { transport: transport(a, b), from: key(a), to: key(b) }
}

#[test]
fn only_the_signed_path_is_accepted() {
    assert_eq!(signed_request().verify_with_path(NOW, &hops()), Ok(()));
    let other = [hop(1, 4), hop(4, 3)];
    assert_eq!(signed_request().verify_with_path(NOW, &other), Err(RequestError::Digest));
    assert_eq!(signed_request().verify_with_path(NOW, &hops()[..1]), Err(RequestError::Digest));
    assert_eq!(path(&other), Ok(()));
}

#[test]
fn a_path_must_lead_from_source_to_destination_and_cross_no_node_twice() {
    let refused = Err(RequestError::Path);
    assert_eq!(path(&[]), refused, "empty");
    assert_eq!(path(&[hop(1, 2)]), refused, "ends elsewhere");
    assert_eq!(path(&[hop(2, 3)]), refused, "begins elsewhere");
    assert_eq!(path(&[hop(1, 2), hop(4, 3)]), refused, "is not connected");
    assert_eq!(path(&[hop(1, 2), hop(2, 4), hop(4, 2), hop(2, 3)]), refused, "crosses 2 twice");
    assert_eq!(path(&[hop(1, 2), hop(2, 1), hop(1, 3)]), refused, "returns to its source");
}

#[test]
fn a_path_of_the_most_hops_is_accepted_and_one_more_is_refused() {
    let chain = |length: usize| {
        let nodes: Vec<u8> = [1].into_iter().chain(10..).take(length).chain([3]).collect();
        nodes.windows(2).map(|pair| hop(pair[0], pair[1])).collect::<Vec<_>>()
    };
    assert_eq!((chain(HOPS_MAX).len(), path(&chain(HOPS_MAX))), (HOPS_MAX, Ok(())));
    assert_eq!(path(&chain(HOPS_MAX + 1)), Err(RequestError::Path));
}
