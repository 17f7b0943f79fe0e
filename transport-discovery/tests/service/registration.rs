//! Who may register and delete what.

use std::time::Duration;

use byway_api::transport_discovery::{
    DeleteTransport, ListTransports, PutTransport, TransportPath, TransportState, TransportsQuery,
};
use byway_base::{Code, TransportType, UnixTime, limits::CLOCK_SKEW};
use byway_wire::{SignedTransportEntry, TransportEntry};

use crate::fixture::{Running, of, secret, signed};

#[tokio::test]
async fn what_both_edges_signed_is_registered_and_every_reader_can_verify_it() {
    let service = Running::start().await;
    let entry = service.entry(1, 2);
    let view = service.put(1, &entry).await.unwrap();
    assert_eq!((view.state, &view.signed), (TransportState::Up, &entry));
    assert_eq!(service.put(2, &entry).await.unwrap(), view, "the other edge may bring it too");
    let found = service.get(entry.entry.id()).await.unwrap();
    found.signed.verify().unwrap();
    assert_eq!(found, view);
}

#[tokio::test]
async fn an_entry_with_a_missing_wrong_or_third_partys_signature_is_refused() {
    let service = Running::start().await;
    let good = service.entry(1, 2);
    let by = |seed: u8, entry: &TransportEntry| entry.sign(&secret(seed));
    let other =
        TransportEntry::new(secret(1).public(), secret(2).public(), good.entry.kind.clone(), UnixTime(1));
    let [first, second] = good.signatures;
    for signatures in [
        [first, first],
        [second, first],
        [by(3, &good.entry), second],
        [first, by(3, &good.entry)],
        [by(1, &other), by(2, &other)],
        [byway_base::Signature::from_bytes([0; 64]), second],
    ] {
        let forged = SignedTransportEntry { entry: good.entry.clone(), signatures };
        assert_eq!(service.put(1, &forged).await.unwrap_err().code, Code::BadSignature);
    }
    assert_eq!(service.get(good.entry.id()).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn nobody_but_an_edge_registers_a_transport() {
    let service = Running::start().await;
    let entry = service.entry(1, 2);
    assert_eq!(service.put(3, &entry).await.unwrap_err().code, Code::Denied);
    assert_eq!(service.get(entry.entry.id()).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn an_entry_under_another_id_or_with_its_edges_in_the_wrong_order_is_refused() {
    let service = Running::start().await;
    let (entry, other) = (service.entry(1, 2), service.entry(1, 3));
    let path = TransportPath { id: other.entry.id() };
    let refused = service.client(1).call::<PutTransport>(path, (), entry.clone()).await.unwrap_err();
    assert_eq!(refused.code, Code::Usage);

    let mut turned = entry.entry.clone();
    turned.edges.reverse();
    let (a, b) = if turned.edges[0] == secret(1).public() { (1, 2) } else { (2, 1) };
    let signatures = [turned.sign(&secret(a)), turned.sign(&secret(b))];
    let turned = SignedTransportEntry { entry: turned, signatures };
    assert_eq!(service.put(1, &turned).await.unwrap_err().code, Code::Usage);
}

#[tokio::test]
async fn an_entry_from_the_future_is_refused_beyond_the_tolerated_skew() {
    let service = Running::start().await;
    let ahead = signed(1, 2, service.now().plus(CLOCK_SKEW + Duration::from_secs(60)));
    assert_eq!(service.put(1, &ahead).await.unwrap_err().code, Code::ClockSkew);
    let tolerated = signed(1, 2, service.now().plus(CLOCK_SKEW - Duration::from_secs(60)));
    assert_eq!(service.put(1, &tolerated).await.unwrap().state, TransportState::Up);
}

#[tokio::test]
async fn someone_elses_published_entry_gives_no_power_over_the_transport() {
    let service = Running::start().await;
    let entry = service.entry(1, 2);
    let path = TransportPath { id: entry.entry.id() };
    service.put(1, &entry).await.unwrap();
    let published = service.get(path.id).await.unwrap().signed;
    let attacker = service.client(3);
    for refused in [
        attacker.call::<DeleteTransport>(path, of(&entry), ()).await.unwrap_err(),
        attacker.call::<PutTransport>(path, (), published).await.unwrap_err(),
    ] {
        assert_eq!(refused.code, Code::Denied);
    }
    assert_eq!(service.beat(3, &[path.id]).await, [path.id], "nor does a heartbeat about it count");
    assert_eq!(service.get(path.id).await.unwrap().state, TransportState::Up);
}

#[tokio::test]
async fn either_edge_deletes_a_transport() {
    let service = Running::start().await;
    for (edge, peer) in [(1, 2), (4, 3)] {
        let entry = service.entry(edge, peer);
        let path = TransportPath { id: entry.entry.id() };
        service.put(peer, &entry).await.unwrap();
        service.client(edge).call::<DeleteTransport>(path, of(&entry), ()).await.unwrap();
        assert_eq!(service.get(path.id).await.unwrap_err().code, Code::NotFound);
        let again = service.client(edge).call::<DeleteTransport>(path, of(&entry), ()).await.unwrap_err();
        assert_eq!(again.code, Code::NotFound);
    }
}

#[tokio::test]
async fn listings_turn_pages_and_refuse_a_foreign_cursor() {
    let service = Running::start().await;
    for peer in 2..=6 {
        service.put(1, &service.entry(1, peer)).await.unwrap();
    }
    service.put(2, &service.entry(2, 3)).await.unwrap();
    let client = service.client(9);
    let mut query = TransportsQuery {
        edge: Some(secret(1).public()),
        kind: Some(TransportType::new("tcp").unwrap()),
        state: Some(TransportState::Up),
        limit: Some(2),
        cursor: None,
    };
    let mut pages = Vec::new();
    loop {
        let page = client.call::<ListTransports>((), query.clone(), ()).await.unwrap();
        pages.push(page.items.len());
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [2, 2, 1]);
    query.cursor = Some("7".to_owned());
    assert_eq!(client.call::<ListTransports>((), query, ()).await.unwrap_err().code, Code::Usage);
}
