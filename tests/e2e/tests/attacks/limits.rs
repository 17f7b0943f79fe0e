//! Row 11: what others may have of a node.

use std::path::PathBuf;

use byway_base::{Code, PublicKey};
use byway_node::{Node, PathChoice, Period, VolumeCap};
use byway_setup::Quotas;
use byway_testkit::wait::until;
use tokio::io::AsyncWriteExt;

use crate::support::{PATIENCE, Plane, dial_echo, echo, echo_of, key, listed, pattern, tcp_between, tcp_to};

/// Bytes that the node in the middle carries in a month.
const CAP: u64 = 1_000_000;

/// The nodes `1`, `2` and `3` in a row; the middle one is configured by `limit`.
async fn row(plane: &Plane, setup: PublicKey, limit: impl FnOnce(&mut byway_node::Config)) -> [Node; 3] {
    let last = Node::start(plane.node_config(3, &[setup])).await.unwrap();
    let mut config = plane.node_config(2, &[setup]);
    config.transports = vec![tcp_to(&last)];
    limit(&mut config);
    let middle = Node::start(config).await.unwrap();
    let mut config = plane.node_config(1, &[setup]);
    config.transports = vec![tcp_to(&middle)];
    let first = Node::start(config).await.unwrap();
    for node in [&first, &middle, &last] {
        listed(node.messaging()).await;
    }
    plane.path_known(&first, last.key()).await;
    [first, middle, last]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_carries_no_more_for_others_than_its_volume_and_a_restart_gives_it_no_new_one() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let state: PathBuf = plane.directory.path().join("middle");
    let volume = Some(VolumeCap { bytes: CAP, period: Period::Month });
    let limit = |config: &mut byway_node::Config| {
        (config.forwarding.volume, config.state_dir) = (volume, Some(state.clone()));
    };
    let [first, middle, last] = row(&plane, setup_node.key, limit).await;
    echo(&last);
    let mut stream = dial_echo(&first, &last, PathChoice::default()).await;
    assert!(middle.transit() && middle.volume().unwrap().used < CAP);
    let flood = tokio::spawn(async move {
        let bytes = pattern(64 * 1024);
        // Until the session is over, or the test.
        while stream.write_all(&bytes).await.is_ok() {}
    });
    let off = async || if middle.transit() { Err("transit is on") } else { Ok(()) };
    until("volume used up", PATIENCE, off).await;
    assert!(middle.volume().unwrap().used >= CAP);
    let empty = async || match middle.rules() {
        0 => Ok(()),
        rules => Err(format!("{rules} rules are left")),
    };
    until("end of the routes", PATIENCE, empty).await;
    flood.abort();

    // It still goes wherever it likes itself.
    middle.ping(last.key(), PathChoice::default(), 1).await.unwrap();
    middle.stop().await;
    let mut config = plane.node_config(2, &[setup_node.key]);
    limit(&mut config);
    let again = Node::start(config).await.unwrap();
    assert!(again.volume().unwrap().used >= CAP);
    let off = async || if again.transit() { Err("transit is on") } else { Ok(()) };
    until("volume still used up", PATIENCE, off).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_source_holds_no_more_routes_at_a_node_than_its_quota_though_the_node_does_not_know_it() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let quotas = Quotas { routes_per_initiator: 1, ..Quotas::default() };
    let limit = |config: &mut byway_node::Config| config.rule_quotas = quotas;
    let [first, middle, last] = row(&plane, setup_node.key, limit).await;
    echo(&last);
    let path = [tcp_between(key(1), key(2)), tcp_between(key(2), key(3))];
    let forth = PathChoice::exactly(path.to_vec());
    let _held = dial_echo(&first, &last, forth.clone()).await;
    let refused = first.ping(last.key(), forth, 1).await.unwrap_err();
    assert_eq!(refused.code, Code::Limit, "{refused}");
    assert!(refused.why.contains(&middle.key().short()), "{refused}");
    assert!(middle.setup_counts().refused_initiator_quota > 0);
    // Another source is not concerned, and neither is the node itself.
    echo(&first);
    let back = PathChoice::exactly(path.iter().rev().copied().collect());
    assert!(last.dial(echo_of(&first), back).await.is_ok());
    middle.ping(last.key(), PathChoice::default(), 1).await.unwrap();
}
