//! Who may publish what, and for how long it counts.

use std::time::Duration;

use byway_api::messaging_discovery::{GetRecordStats, ListServers, PutRecord, RecordPath, ServersQuery};
use byway_base::{
    Code, Signature,
    limits::{CLOCK_SKEW, RECORD_ENTRIES, RECORD_TTL},
};
use byway_wire::{Record, RecordBody, SignedRecord};

use crate::fixture::{Running, key, secret};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_published_record_is_read_as_it_was_signed_and_verifies() {
    let service = Running::start().await;
    let record = service.node(1, 7);
    service.put(1, &record).await.unwrap();
    service.put(1, &record).await.unwrap();
    let found = service.get(1).await.unwrap();
    found.verify(service.now()).unwrap();
    assert_eq!(found, record);
}

#[tokio::test]
async fn nobody_publishes_for_another() {
    let service = Running::start().await;
    let record = service.node(1, 7);
    assert_eq!(service.put(2, &record).await.unwrap_err().code, Code::Denied, "another's true record");
    let path = RecordPath { key: key(1) };
    let own = service.node(2, 7);
    let refused = service.client(2).call::<PutRecord>(path, (), own).await.unwrap_err();
    assert_eq!(refused.code, Code::Denied, "the own record under another's name");
    assert_eq!(service.get(1).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_record_that_its_subject_did_not_sign_is_refused() {
    let service = Running::start().await;
    let good = service.node(1, 7);
    let mut altered = good.clone();
    altered.record.sequence += 1;
    let others = SignedRecord { signature: secret(2).sign(&good.record.signed_bytes()), ..good.clone() };
    let missing = SignedRecord { signature: Signature::from_bytes([0; 64]), ..good.clone() };
    for forged in [altered, others, missing] {
        assert_eq!(service.put(1, &forged).await.unwrap_err().code, Code::BadSignature);
    }
    assert_eq!(service.get(1).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn what_the_signature_does_not_cover_is_refused() {
    let service = Running::start().await;
    let body = |region: String| RecordBody::Server {
        addresses: vec!["192.0.2.1:443".parse().unwrap()],
        udp: Vec::new(),
        capacity: 10,
        clients: 0,
        region,
        draining: false,
    };
    let mut padded = service.record(1, 1, body("x".repeat(255)));
    padded.record.body = body("x".repeat(255) + "added by someone else");
    let refused = service.put(1, &padded).await.unwrap_err().code;
    assert!(matches!(refused, Code::TooLarge | Code::BadSignature), "{refused}");
}

#[tokio::test]
async fn a_region_with_control_characters_is_refused_in_records_and_queries() {
    let service = Running::start().await;
    for region in ["\0", "eu\n"].map(str::to_owned) {
        let body = RecordBody::Server {
            addresses: Vec::new(),
            udp: Vec::new(),
            capacity: 10,
            clients: 0,
            region: region.clone(),
            draining: false,
        };
        let problem = service.put(1, &service.record(1, 1, body)).await.unwrap_err();
        assert_eq!(problem.code, Code::Usage, "{problem}");
        let near = ServersQuery { near: Some(region), ..ServersQuery::default() };
        let problem = service.client(2).call::<ListServers>((), near, ()).await.unwrap_err();
        assert_eq!(problem.code, Code::Usage, "{problem}");
    }
}

#[tokio::test]
async fn records_that_have_expired_last_too_long_or_list_too_much_are_refused() {
    let service = Running::start().await;
    let dated = |expires| {
        let body = RecordBody::Tombstone {};
        Record { subject: key(1), sequence: 1, expires, body }.sign(&secret(1))
    };
    let too_long = service.now().plus(RECORD_TTL + CLOCK_SKEW + SECOND);
    for expires in [service.now(), too_long] {
        assert_eq!(service.put(1, &dated(expires)).await.unwrap_err().code, Code::ClockSkew);
    }
    let servers = vec![key(100); RECORD_ENTRIES + 1];
    let long = service.record(1, 1, RecordBody::Node { servers, candidates: vec![], transit: true });
    let refused = service.put(1, &long).await.unwrap_err().code;
    assert!(matches!(refused, Code::TooLarge | Code::Usage), "{refused}");
}

#[tokio::test]
async fn a_stale_sequence_number_is_a_conflict_that_names_the_present_one() {
    let service = Running::start().await;
    let old = service.node(1, 41);
    service.put(1, &old).await.unwrap();
    service.put(1, &service.node(1, 42)).await.unwrap();
    let mut same = service.node(1, 42).record;
    same.body = RecordBody::Tombstone {};
    for stale in [old, same.sign(&secret(1))] {
        let refused = service.put(1, &stale).await.unwrap_err();
        assert!(refused.code == Code::Conflict && refused.why.contains("42"), "{refused}");
    }
    assert_eq!(service.get(1).await.unwrap().record.sequence, 42);
}

#[tokio::test]
async fn an_old_record_does_not_return_after_a_tombstone_or_a_restart() {
    let service = Running::start().await;
    let before = service.node(1, 5);
    service.put(1, &before).await.unwrap();
    // Short-lived, so that the record from before would outlive it.
    let expires = service.now().plus(10 * SECOND);
    let body = RecordBody::Tombstone {};
    let tombstone = Record { subject: key(1), sequence: 6, expires, body }.sign(&secret(1));
    service.put(1, &tombstone).await.unwrap();
    assert_eq!(service.put(1, &before).await.unwrap_err().code, Code::Conflict);
    assert_eq!(service.get(1).await.unwrap(), tombstone, "the departure is shown, signed");

    let service = service.restart().await;
    service.advance(11 * SECOND);
    before.verify(service.now()).expect("it has not expired by itself");
    assert_eq!(service.put(1, &before).await.unwrap_err().code, Code::Conflict);
    assert_eq!(service.get(1).await.unwrap_err().code, Code::NotFound);
    service.put(1, &service.node(1, 7)).await.unwrap();
}

#[tokio::test]
async fn a_published_record_or_tombstone_deletes_nothing_in_anybodys_hands() {
    let service = Running::start().await;
    let first = service.node(1, 5);
    service.put(1, &first).await.unwrap();
    let left = Record {
        subject: key(1),
        sequence: 6,
        expires: service.now().plus(RECORD_TTL),
        body: RecordBody::Tombstone {},
    };
    let left = left.sign(&secret(1));
    service.put(1, &left).await.unwrap();
    let back = service.node(1, 7);
    service.put(1, &back).await.unwrap();
    // What everybody could read: the tombstone from before, and the record itself.
    for captured in [&first, &left] {
        assert_eq!(service.put(2, captured).await.unwrap_err().code, Code::Denied);
        assert_eq!(service.put(1, captured).await.unwrap_err().code, Code::Conflict, "not even its subject");
    }
    assert_eq!(service.put(2, &back).await.unwrap_err().code, Code::Denied);
    assert_eq!(service.get(1).await.unwrap(), back);
}

#[tokio::test]
async fn a_record_that_is_not_renewed_vanishes() {
    let service = Running::start().await;
    service.put(1, &service.node(1, 1)).await.unwrap();
    service.advance(RECORD_TTL - SECOND);
    service.put(2, &service.node(2, 1)).await.unwrap();
    service.get(1).await.unwrap();
    service.advance(SECOND);
    assert_eq!(service.get(1).await.unwrap_err().code, Code::NotFound);
    let stats = service.client(9).call::<GetRecordStats>((), (), ()).await.unwrap();
    assert_eq!((stats.nodes, stats.tombstones), (1, 0));
}
