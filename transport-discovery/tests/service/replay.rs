//! What was said once is not said again.

use std::time::Duration;

use byway_api::transport_discovery::{DeleteTransport, TransportPath, TransportState};
use byway_base::{Code, UnixTime};
use byway_wire::SignedTransportEntry;

use crate::{
    fixture::{Running, of, secret, signed},
    raw,
};

/// Requests are dated by the machine's clock, whatever the service's registry thinks.
pub(crate) fn machine() -> UnixTime {
    UnixTime(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs())
}

#[tokio::test]
async fn a_replayed_deletion_does_not_delete_what_was_registered_since() {
    let service = Running::start().await;
    let first = service.entry(1, 2);
    let id = first.entry.id();
    service.put(1, &first).await.unwrap();
    let path = format!("/v1/transports/{id}?issued={}", first.entry.issued.0);
    let host = service.address.clone();
    // Signed requests from before the start are refused, and the service may have started within this second.
    let recorded = raw::request("DELETE", &host, &path, Some((&secret(1), UnixTime(machine().0 + 1))));
    assert_eq!(raw::send(&host, &recorded).await.0, 204);

    service.advance(Duration::from_secs(1));
    service.put(1, &service.entry(1, 2)).await.unwrap();
    let (status, reply) = raw::send(&host, &recorded).await;
    assert!(status == 401 && reply.contains(Code::Replayed.as_str()), "{reply}");
    assert_eq!(service.get(id).await.unwrap().state, TransportState::Up);
}

#[tokio::test]
async fn a_signature_serves_no_other_method_path_or_host_and_none_is_no_signature() {
    let service = Running::start().await;
    let (mine, other) = (service.entry(1, 2), service.entry(1, 3));
    for entry in [&mine, &other] {
        service.put(1, entry).await.unwrap();
    }
    let [mine, other] = [mine, other].map(|SignedTransportEntry { entry, .. }| {
        format!("/v1/transports/{}?issued={}", entry.id(), entry.issued.0)
    });
    let host = service.address.clone();
    let signer = secret(1);
    let now = Some((&signer, UnixTime(machine().0 + 1)));
    let delete = raw::request("DELETE", &host, &mine, now);
    for (altered, code) in [
        (delete.replace(&mine, &other), Code::BadSignature),
        (raw::request("PUT", &host, &mine, now).replacen("PUT", "DELETE", 1), Code::BadSignature),
        (delete.replace(&format!("host: {host}"), "host: transports.example.org"), Code::BadSignature),
        (raw::request("DELETE", "elsewhere.example.org", &mine, now), Code::BadSignature),
        (raw::request("DELETE", &host, &mine, None), Code::Unsigned),
    ] {
        let (status, reply) = raw::send(&host, &altered).await;
        assert!(status == 401 && reply.contains(code.as_str()), "{altered}\n{reply}");
    }
    for path in [mine, other] {
        let path = path.split('?').next().unwrap();
        assert_eq!(raw::send(&host, &raw::request("GET", &host, path, None)).await.0, 200);
    }
}

#[tokio::test]
async fn an_old_registration_does_not_bring_a_deleted_transport_back() {
    let service = Running::start().await;
    let (old, newer) = (service.entry(1, 2), signed(1, 2, service.now().plus(Duration::from_secs(2))));
    let path = TransportPath { id: old.entry.id() };
    service.put(1, &old).await.unwrap();
    service.put(1, &newer).await.unwrap();
    let replaced = service.put(2, &old).await.unwrap_err();
    assert!(replaced.code == Code::Conflict && replaced.why.contains(&newer.entry.issued.0.to_string()));

    service.advance(Duration::from_secs(5));
    service.client(2).call::<DeleteTransport>(path, of(&newer), ()).await.unwrap();
    for replayed in [&old, &newer] {
        let refused = service.put(1, replayed).await.unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert_eq!(service.get(path.id).await.unwrap_err().code, Code::NotFound);
    }
    service.advance(Duration::from_secs(1));
    let service = service.restart(Duration::ZERO).await;
    assert_eq!(service.put(1, &newer).await.unwrap_err().code, Code::Conflict, "not after a restart either");
    service.put(1, &service.entry(1, 2)).await.unwrap();
}
