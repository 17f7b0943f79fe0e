//! Every pair of routers, one node behind each: a row is a test, a cell a pair.

use std::{any::Any, rc::Rc};

use byway_nat::Site;
use byway_netns::{Family, KINDS, NatKind, Way, expected};
use tokio::{
    sync::Semaphore,
    task::{JoinSet, LocalSet, spawn_local},
};

use crate::support::{Outcome, Pair};

/// Cells under way at once. They wait most of the time.
const AT_ONCE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn from_an_open_address_each_kind_is_reached_as_the_matrix_says() {
    row(NatKind::Open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_behind_a_full_cone_each_kind_is_reached_as_the_matrix_says() {
    row(NatKind::FullCone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_behind_an_address_restricted_router_each_kind_is_reached_as_the_matrix_says() {
    row(NatKind::AddressRestricted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_behind_a_port_restricted_router_each_kind_is_reached_as_the_matrix_says() {
    row(NatKind::PortRestricted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_behind_a_symmetric_router_each_kind_is_reached_as_the_matrix_says() {
    row(NatKind::Symmetric).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_blocked_on_a_side_or_on_both_the_relay_carries_on_and_the_reason_is_told() {
    cells(&[
        (NatKind::UdpBlocked, NatKind::Open),
        (NatKind::Open, NatKind::UdpBlocked),
        (NatKind::UdpBlocked, NatKind::UdpBlocked),
    ])
    .await;
}

async fn row(dialler: NatKind) {
    cells(&KINDS.map(|listener| (dialler, listener))).await;
}

/// Runs cells on one control plane and fails with all that came out otherwise than expected.
async fn cells(pairs: &[(NatKind, NatKind)]) {
    let Some(site) = Site::start(Family::V4).await else { return };
    let (site, turns) = (Rc::new(site), Rc::new(Semaphore::new(AT_ONCE)));
    let mut cells = JoinSet::new();
    let tasks = LocalSet::new();
    for (number, &(dialler, listener)) in pairs.iter().enumerate() {
        let (site, turns) = (site.clone(), turns.clone());
        let cell = async move {
            let _turn = turns.acquire().await.unwrap();
            let run = spawn_local(async move { cell(&site, number, dialler, listener).await });
            run.await.map_err(|panic| format!("{dialler} to {listener}: {}", said(panic.into_panic())))
        };
        cells.spawn_local_on(cell, &tasks);
    }
    let ended = tasks.run_until(cells.join_all()).await;
    let wrong: Vec<_> = ended.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

async fn cell(site: &Site, number: usize, dialler: NatKind, listener: NatKind) {
    let pair = Pair::start(site, &format!("cell{number}"), dialler, listener).await;
    pair.becomes(outcome(dialler, listener)).await;
    pair.finish().await;
}

/// What is expected, and the words by which the dialling node explains it.
fn outcome(dialler: NatKind, listener: NatKind) -> Outcome {
    match (expected(dialler, listener), dialler, listener) {
        (Way::Direct, ..) => Outcome::Direct,
        (Way::Relayed, NatKind::UdpBlocked, _) => Outcome::Relayed("UDP is blocked here"),
        (Way::Relayed, _, NatKind::UdpBlocked) => Outcome::Relayed("UDP is blocked at the peer"),
        (Way::Relayed, NatKind::Symmetric, NatKind::Symmetric) => {
            Outcome::Relayed("symmetric NAT on both sides")
        }
        (Way::Relayed, NatKind::Symmetric, _) => Outcome::Relayed("symmetric NAT here"),
        (Way::Relayed, ..) => Outcome::Relayed("symmetric NAT at the peer"),
    }
}

/// The words of a panic.
fn said(panic: Box<dyn Any + Send>) -> String {
    panic.downcast::<String>().map_or_else(|_| "a panic without words".to_owned(), |words| *words)
}
