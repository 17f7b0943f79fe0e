//! Row 2: a signed request that somebody captured.

use std::net::SocketAddr;

use byway_base::{SecretKey, limits::RECORD_TTL};
use byway_clock::unix_now;
use byway_testkit::wait::until;
use byway_transport_discovery::TransportDiscovery;
use byway_wire::{Record, RecordBody};

use crate::support::{PATIENCE, Plane, RawRequest, Running, entry, key, secret};

/// A request to one service, and parts that another request to it might have.
struct Captured {
    request: RawRequest,
    to: SocketAddr,
    /// Another method for the same path that also wants a signature, if there is one.
    method: Option<&'static str>,
    path: String,
}

fn put_transport(secret: &SecretKey, peer: &SecretKey, to: SocketAddr) -> RawRequest {
    let signed = entry(secret, peer, unix_now());
    let path = format!("/v1/transports/{}", signed.entry.id());
    RawRequest::signed(secret, "PUT", to, &path, &serde_json::to_string(&signed).unwrap())
}

/// A signed request to every service that takes one.
fn requests(plane: &Plane, setup_node: &Running) -> Vec<Captured> {
    let [transports, records, finder] =
        [&plane.transport_discovery, &plane.messaging_discovery, &plane.route_finder].map(|s| s.address);
    let body = RecordBody::Node { servers: Vec::new(), candidates: Vec::new(), transit: true };
    let record = Record { subject: key(1), sequence: 1, expires: unix_now().plus(RECORD_TTL), body };
    let record = serde_json::to_string(&record.sign(&secret(1))).unwrap();
    let query = serde_json::json!({ "from": key(1), "to": key(2) }).to_string();
    let other_transport = entry(&secret(1), &secret(3), unix_now()).entry.id();
    let signed = |by: u8, method: &str, to: SocketAddr, path: &str, body: &str| {
        RawRequest::signed(&secret(by), method, to, path, body)
    };
    vec![
        Captured {
            request: put_transport(&secret(1), &secret(2), transports),
            to: transports,
            method: Some("DELETE"),
            path: format!("/v1/transports/{other_transport}"),
        },
        Captured {
            request: signed(1, "PUT", records, &format!("/v1/records/{}", key(1)), &record),
            to: records,
            method: None,
            path: format!("/v1/records/{}", key(2)),
        },
        Captured {
            request: signed(1, "POST", finder, "/v1/paths:find", &query),
            to: finder,
            method: None,
            path: "/v1/paths:explain".to_owned(),
        },
        Captured {
            request: signed(250, "GET", setup_node.address, "/v1/routes", ""),
            to: setup_node.address,
            method: None,
            path: format!("/v1/routes/{}", "0".repeat(32)),
        },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_service_takes_a_captured_request_again_or_for_anything_else() {
    let plane = Plane::start().await;
    plane.route_finder.ready().await;
    let setup_node = plane.setup_node().await;
    let bad_signature = (401, "BW-BAD-SIGNATURE".to_owned());
    for Captured { request, to, method, path } in requests(&plane, &setup_node) {
        let mut variants = vec![
            RawRequest { path, ..request.clone() },
            RawRequest { path: format!("{}?limit=1", request.path), ..request.clone() },
            RawRequest { host: "other.example.org".to_owned(), ..request.clone() },
            RawRequest { host: format!("localhost:{}", to.port()), ..request.clone() },
            RawRequest { body: format!("{} ", request.body), ..request.clone() },
            RawRequest { body: "{}".to_owned(), ..request.clone() },
        ];
        variants.extend(method.map(|method| RawRequest { method: method.to_owned(), ..request.clone() }));
        for variant in variants {
            assert_eq!(variant.send(to).await, bad_signature, "{variant:?}");
        }
        // None of that used it up: as it was signed, it is taken, and once.
        let (status, code) = request.send(to).await;
        assert!(!matches!(status, 0 | 401 | 403), "{status} {code}: {request:?}");
        assert_eq!(request.send(to).await, (401, "BW-REPLAYED".to_owned()), "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_one_replica_is_worth_nothing_at_another_nor_after_a_restart() {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = Running::start::<TransportDiscovery>(directories[0].path(), &[]).await;
    let other = Running::start::<TransportDiscovery>(directories[1].path(), &[]).await;
    let address = one.address;
    let request = put_transport(&secret(1), &secret(2), address);
    let signed_at = unix_now();
    assert_eq!(request.send(other.address).await, (401, "BW-BAD-SIGNATURE".to_owned()));
    assert_eq!(request.send(address).await.0, 200);

    one.stop().await;
    let later = async || if unix_now() > signed_at { Ok(()) } else { Err("it is the same second") };
    until("later second", PATIENCE, later).await;
    let listen = [("listen", address.to_string())];
    let again = Running::start::<TransportDiscovery>(directories[0].path(), &listen).await;
    assert_eq!(request.send(again.address).await, (401, "BW-REPLAYED".to_owned()));
}
