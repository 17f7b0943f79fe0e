use byway_api::setup_node::RouteState;
use byway_service_kit::Health;
use tempfile::TempDir;

use super::*;
use crate::{
    network::{Mood, Network, secret},
    removal::remove,
};

fn setups(network: &Network, bounds: Bounds) -> (Setups<Network>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let routes = Routes::open(directory.path()).unwrap();
    let check = Health::new().check("journal");
    (Setups::new(network.clone(), routes, bounds, check), directory)
}

fn code(reply: &Reply) -> Option<Code> {
    if let Reply::Failed { failure } = reply { Some(failure.code) } else { None }
}

fn is_established(reply: &Reply) -> bool {
    matches!(reply, Reply::Established { .. })
}

fn id(route: u8) -> RouteId {
    RouteId::from_bytes([route; 16])
}

#[tokio::test]
async fn an_established_route_is_listed_and_survives_a_restart() {
    let network = Network::row(3);
    let (setups, directory) = setups(&network, Bounds::default());
    let reply = setups.establish(network.asked(1)).await;
    assert_eq!((is_established(&reply), network.rules()), (true, 3));
    network.tell(1, &reply);
    for routes in [setups.routes().clone(), Routes::open(directory.path()).unwrap()] {
        let view = routes.get(id(1), unix_now()).unwrap();
        assert_eq!(
            (view.state, view.source.key, view.hops),
            (RouteState::Installed, network.source(), network.hops())
        );
    }
    assert_eq!((setups.stats().counts(), setups.under_way()), ([1, 0, 0, 0, 0], 0));
}

#[tokio::test]
async fn a_stranger_is_refused_and_no_node_is_asked() {
    let network = Network::row(3);
    let (setups, _directory) = setups(&network, Bounds::default());
    let reply = setups.establish(Asked { caller: secret(99).public(), ..network.asked(1) }).await;
    assert_eq!((code(&reply), network.rules()), (Some(Code::Denied), 0));
    assert_eq!(setups.stats().counts(), [0, 1, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_deaf_node_fails_the_request_in_time_and_leaves_nothing() {
    let network = Network::row(3);
    let (setups, _directory) = setups(&network, Bounds::default());
    network.set(Mood::Deaf(network.destination()));
    let started = tokio::time::Instant::now();
    let reply = setups.establish(network.asked(1)).await;
    assert_eq!((code(&reply), network.rules()), (Some(Code::Timeout), 0));
    assert!(started.elapsed() <= byway_base::limits::SETUP_TIMEOUT);
    assert_eq!(setups.routes().get(id(1), unix_now()), None);
    assert_eq!(setups.stats().counts(), [0, 0, 1, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn one_initiator_cannot_take_all_places_and_nobody_more_than_there_are() {
    let network = Network::row(3);
    let (setups, _directory) = setups(&network, Bounds { at_once: 3, per_initiator: 2 });
    network.set(Mood::Waiting);
    let ask = |route| {
        let (setups, network) = (setups.clone(), network.clone());
        tokio::spawn(async move { setups.establish(network.asked(route)).await })
    };
    let (first, second) = (ask(1), ask(2));
    while setups.under_way() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(code(&ask(3).await.unwrap()), Some(Code::Limit));
    network.set(Mood::Answering);
    assert!(is_established(&first.await.unwrap()) && is_established(&second.await.unwrap()));
    while setups.under_way() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(is_established(&ask(4).await.unwrap()));
}

#[tokio::test]
async fn a_second_request_under_a_known_id_is_refused_and_harms_nothing() {
    let network = Network::row(3);
    let (setups, _directory) = setups(&network, Bounds::default());
    let asked = network.asked(1);
    setups.establish(asked.clone()).await;
    let reply = setups.establish(asked).await;
    assert_eq!((code(&reply), network.rules()), (Some(Code::Replayed), 3));
}

#[tokio::test]
async fn a_source_that_goes_away_does_not_stop_its_request_midway() {
    let network = Network::row(3);
    let (setups, _directory) = setups(&network, Bounds::default());
    network.set(Mood::Waiting);
    {
        let asking = setups.establish(network.asked(1));
        tokio::pin!(asking);
        while setups.under_way() == 0 {
            let _ = futures_util::poll!(asking.as_mut());
        }
    }
    network.set(Mood::Answering);
    setups.drain().await;
    assert_eq!((network.rules(), setups.routes().count()), (3, 1));
    assert_eq!(setups.stats().counts(), [1, 0, 0, 0, 0]);
}

#[tokio::test]
async fn draining_finishes_what_is_under_way_and_refuses_what_is_new() {
    let network = Network::row(3);
    let (setups, _directory) = setups(&network, Bounds::default());
    network.set(Mood::Waiting);
    let asking = {
        let (setups, network) = (setups.clone(), network.clone());
        tokio::spawn(async move { setups.establish(network.asked(1)).await })
    };
    while setups.under_way() == 0 {
        tokio::task::yield_now().await;
    }
    let draining = setups.drain();
    tokio::pin!(draining);
    assert!(futures_util::poll!(draining.as_mut()).is_pending());
    let late = setups.establish(network.asked(2)).await;
    assert_eq!(code(&late), Some(Code::NotReady));
    network.set(Mood::Answering);
    draining.await;
    assert!(is_established(&asking.await.unwrap()));
}

#[tokio::test]
async fn a_removed_route_is_gone_from_every_node_and_from_the_list_after_a_restart_too() {
    let network = Network::row(3);
    let (setups, directory) = setups(&network, Bounds::default());
    setups.establish(network.asked(1)).await;
    remove(&setups, id(1)).await.unwrap();
    assert_eq!((network.rules(), setups.routes().count()), (0, 0));
    assert_eq!(Routes::open(directory.path()).unwrap().count(), 0);
    assert_eq!(remove(&setups, id(1)).await.unwrap_err().code, Code::NotFound);
    assert_eq!(setups.stats().counts(), [1, 0, 0, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_a_node_did_not_remove_can_be_removed_again() {
    let network = Network::row(3);
    let (setups, _directory) = setups(&network, Bounds::default());
    setups.establish(network.asked(1)).await;
    network.set(Mood::Deaf(network.destination()));
    let problem = remove(&setups, id(1)).await.unwrap_err();
    assert_eq!(problem.code, Code::PeerUnreachable);
    assert!(problem.why.contains(&network.destination().short()));
    assert_eq!((network.rules(), setups.routes().count()), (1, 1));
    network.set(Mood::Answering);
    remove(&setups, id(1)).await.unwrap();
    assert_eq!(network.rules(), 0);
}
