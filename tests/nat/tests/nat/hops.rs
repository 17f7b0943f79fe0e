//! Nodes that only dial, as every part of a route.

use byway_nat::{Echo, Member, Site, Transfer};
use byway_netns::{Family, NatKind};

/// The path that the transfer takes, whatever shorter one there is.
const POLICY: Option<&str> = Some("hops=3");

/// Source, two intermediates, destination; each wants a transport to the next through messaging.
async fn row(site: &Site, kind: NatKind) -> [Member; 4] {
    let destination = site.member("destination", kind, &[]).await;
    let b = site.member("b", kind, &[&destination]).await;
    let a = site.member("a", kind, &[&b]).await;
    let source = site.member("source", kind, &[&a]).await;
    [source, a, b, destination]
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_behind_symmetric_routers_are_source_intermediates_and_destination_of_a_route() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let [source, _a, _b, destination] = row(&site, NatKind::Symmetric).await;
    let _echo = Echo::at(&destination).await;
    let transfer = Transfer::over(source.dial(&destination, Echo::PORT, POLICY).await);
    transfer.goes_on().await;
    source.routed_over(&["messaging"; 3], &destination).await;
    transfer.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_through_messaging_moves_to_direct_transports_hop_by_hop_and_no_byte_is_lost() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let [source, a, b, destination] = row(&site, NatKind::PortRestricted).await;
    let _echo = Echo::at(&destination).await;
    let transfer = Transfer::over(source.dial(&destination, Echo::PORT, POLICY).await);
    transfer.goes_on().await;
    source.connected("quic", &a).await;
    a.connected("quic", &b).await;
    b.connected("quic", &destination).await;
    source.routed_over(&["quic"; 3], &destination).await;
    transfer.goes_on().await;
    transfer.finish().await;
}
