//! A control plane that nobody knows an address of.

use byway_api::{
    Event,
    messaging_discovery::{GetRecord, RecordPath},
    route_finder::{FindPaths, FindRequest},
    transport_discovery::{EventsQuery, GetTransport, PutTransport, TransportPath, WatchTransports},
};
use byway_base::{Policy, TransportType, UnixTime};
use byway_clock::unix_now;
use byway_messaging_discovery::MessagingDiscovery;
use byway_route_finder::RouteFinder;
use byway_testkit::wait::until;
use byway_transport_discovery::TransportDiscovery;
use byway_wire::{RecordBody, SignedTransportEntry, TransportEntry};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::support::{Caller, Net, PATIENCE, Running, secret};

fn entry(a: u8, b: u8, issued: UnixTime) -> SignedTransportEntry {
    let (a, b) = (secret(a), secret(b));
    let entry = TransportEntry::new(a.public(), b.public(), TransportType::new("tcp").unwrap(), issued);
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    entry.with_signatures(&a.public(), by_a, by_b)
}

async fn register(caller: &Caller, discovery: &Running, signed: &SignedTransportEntry) {
    let path = TransportPath { id: signed.entry.id() };
    caller.client(discovery.key).call::<PutTransport>(path, (), signed.clone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_services_are_used_and_use_each_other_by_their_keys_alone() {
    let mut net = Net::start().await;
    let (path, servers) = (net.directory.path().to_owned(), ("messaging_servers", net.named()));
    let records = Running::start::<MessagingDiscovery>(&path, "md", std::slice::from_ref(&servers)).await;
    let messaging = [servers, ("messaging_discovery", records.by_key())];
    let transports = Running::start::<TransportDiscovery>(&path, "td", &messaging).await;
    let [servers, discovery] = messaging;
    let upstream = ("transport_discovery", transports.by_key());
    let finder = Running::start::<RouteFinder>(&path, "rf", &[servers, discovery, upstream]).await;
    for service in [&records, &transports, &finder] {
        service.ready().await;
    }

    // The caller's own record goes to messaging discovery the same way.
    let caller = Caller::start(1, &net.messaging(Some(&records))).await;
    let listed = async || {
        let path = RecordPath { key: secret(1).public() };
        caller.client(records.key).call::<GetRecord>(path, (), ()).await
    };
    let record = until("the caller's record", PATIENCE, listed).await;
    assert!(matches!(record.record.body, RecordBody::Node { servers, .. } if !servers.is_empty()));

    let watched = caller.client(transports.key);
    let mut events =
        watched.watch::<WatchTransports>((), EventsQuery { since: Some(0) }, None).await.unwrap();
    let first = entry(1, 2, unix_now());
    register(&caller, &transports, &first).await;
    let event = timeout(PATIENCE, events.next()).await.unwrap();
    assert!(matches!(event, Some(Ok(Event::Item { sequence: 1, .. }))), "{event:?}");

    // The finder mirrors transport discovery through messaging, and is asked through messaging.
    let request = || FindRequest {
        from: secret(1).public(),
        to: secret(2).public(),
        policy: Policy::default(),
        k: None,
        why_not: false,
    };
    let found = async || {
        let reply = caller.client(finder.key).call::<FindPaths>((), (), request()).await;
        reply.map_err(|problem| problem.to_string())?.paths.first().cloned().ok_or("no path yet".to_owned())
    };
    let found = until("a path", PATIENCE, found).await;
    assert_eq!(found.hops[0].transport, first.entry.id());

    // One of the two messaging servers dies: the change stream goes on, and so does everything else.
    net.servers.remove(0).kill().await;
    register(&caller, &transports, &entry(1, 3, unix_now())).await;
    let event = timeout(PATIENCE, events.next()).await.unwrap();
    assert!(matches!(event, Some(Ok(Event::Item { sequence: 2, .. }))), "{event:?}");

    // Transport discovery restarts: what was registered is there, and the finder follows it again.
    drop(events);
    transports.stop().await;
    let messaging = [("messaging_servers", net.named()), ("messaging_discovery", records.by_key())];
    let transports = Running::start::<TransportDiscovery>(&path, "td", &messaging).await;
    transports.ready().await;
    let again = async || {
        let path = TransportPath { id: first.entry.id() };
        caller.client(transports.key).call::<GetTransport>(path, (), ()).await
    };
    assert_eq!(until("transport discovery", PATIENCE, again).await.signed, first);
    timeout(PATIENCE, finder.health.ready()).await.unwrap();
}
