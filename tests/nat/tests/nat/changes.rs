//! What changes or is odd about the ways, with a transfer under way.

use byway_nat::Site;
use byway_netns::{Family, NatKind};

use crate::support::Pair;

/// A pair behind ordinary routers, with a direct transport that carries its transfer.
async fn direct(site: &Site) -> Pair {
    let pair = Pair::start(site, "pair", NatKind::PortRestricted, NatKind::PortRestricted).await;
    pair.is_direct().await;
    pair.goes_on().await;
    pair
}

/// The transfer never broke, and in the end the way is a direct one again.
async fn recovers(pair: Pair) {
    pair.goes_on().await;
    pair.is_direct().await;
    pair.goes_on().await;
    pair.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialling_host_that_changes_its_address_keeps_its_transfer() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let pair = direct(&site).await;
    pair.dialler.home().readdress_host().unwrap();
    recovers(pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listening_host_that_changes_its_address_keeps_its_transfer() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let pair = direct(&site).await;
    pair.listener.home().readdress_host().unwrap();
    recovers(pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_outlives_a_router_that_forgets_every_mapping() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let pair = direct(&site).await;
    pair.listener.home().nat().forget().unwrap();
    recovers(pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_outlives_a_router_that_gets_another_address() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let pair = direct(&site).await;
    pair.dialler.home().readdress_router().unwrap();
    recovers(pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_of_1280_bytes_become_direct_and_carry_a_transfer() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let homes = ["listener", "dialler"].map(|name| {
        let home = site.home(name, NatKind::PortRestricted);
        home.limit_packets(1_280).unwrap();
        home
    });
    let [listener, dialler] = homes;
    let listener = site.member_at("listener", listener, &[]).await;
    let dialler = site.member_at("dialler", dialler, &[&listener]).await;
    let pair = Pair::between(dialler, listener).await;
    recovers(pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_only_ipv6_two_firewalls_open_for_each_other() {
    let Some(site) = Site::start(Family::V6).await else { return };
    recovers(direct(&site).await).await;
}
