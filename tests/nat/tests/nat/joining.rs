//! Behind any router a node joins through messaging, and its user sees what there is.

use byway_nat::Site;
use byway_netns::{Family, NatKind};

use crate::support::Pair;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_behind_routers_join_with_messaging_only_and_their_users_see_it() {
    let Some(site) = Site::start(Family::V4).await else { return };
    let pair = Pair::start(&site, "pair", NatKind::Symmetric, NatKind::UdpBlocked).await;
    let (dialler, peer) = (&pair.dialler, pair.listener.key().to_string());

    let status = dialler.ask(&["status"]).unwrap();
    assert_eq!(status["key"], dialler.key().to_string());
    assert_eq!(status["messaging"].as_array().map(Vec::len), Some(2), "{status}");

    let transports = dialler.ask(&["transports"]).unwrap();
    assert!(transports.to_string().contains(&peer), "{transports}");

    let ping = dialler.ask(&["ping", &peer]).unwrap();
    assert_eq!(ping["peer"], peer);
    assert_eq!(ping["routes"][0]["hops"][0]["type"], "messaging", "{ping}");

    pair.goes_on().await;
    pair.finish().await;
}
