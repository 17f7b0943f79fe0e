use byway_net::quinn_peer_key;
use byway_service_kit::Health;
use byway_wire::setup::NodeMessage;

use super::*;
use crate::{
    messaging::exchange,
    network::{Endpoints, Network, connected},
    routes::Routes,
};

struct Served {
    network: Network,
    setups: Setups<Network>,
    audit: Audit,
    source: Connection,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
    _endpoints: Endpoints,
    _directory: tempfile::TempDir,
}

impl Served {
    async fn to(source: u8) -> Self {
        let (network, directory) = (Network::row(3), tempfile::tempdir().unwrap());
        let routes = Routes::open(directory.path()).unwrap();
        let setups = Setups::new(network.clone(), routes, Bounds::default(), Health::new().check("journal"));
        let (endpoints, near, far) = connected(source).await;
        let (stop, peer) = (CancellationToken::new(), quinn_peer_key(&far).unwrap());
        let permit = Admission::new(Bounds::default()).admit(peer).unwrap();
        let audit = Audit::default();
        let serving =
            tokio::spawn(serve_source(peer, far, setups.clone(), audit.clone(), stop.clone(), permit));
        Self {
            network,
            setups,
            audit,
            source: near,
            stop,
            serving,
            _endpoints: endpoints,
            _directory: directory,
        }
    }

    async fn ask(&self, route: u8) -> Reply {
        let Asked { request, hops, label_in, .. } = self.network.asked(route);
        self.send(&encode_message(&SourceMessage::Establish { request, hops, label_in })).await
    }

    async fn send(&self, bytes: &[u8]) -> Reply {
        decode_message(&exchange(&self.source, bytes).await.unwrap()).unwrap()
    }
}

fn code(reply: &Reply) -> Option<Code> {
    if let Reply::Failed { failure } = reply { Some(failure.code) } else { None }
}

fn is_established(reply: &Reply) -> bool {
    matches!(reply, Reply::Established { .. })
}

#[tokio::test]
async fn a_ping_is_answered_until_the_service_is_about_to_stop() {
    let served = Served::to(1).await;
    let ping = encode_message(&SourceMessage::Ping {});
    assert_eq!(served.send(&ping).await, Reply::Done {});
    served.setups.drain().await;
    assert_eq!(code(&served.send(&ping).await), Some(Code::NotReady));
}

#[tokio::test]
async fn a_source_gets_its_route_and_many_at_once_over_one_connection() {
    let served = Served::to(1).await;
    let (a, b, c) = tokio::join!(served.ask(1), served.ask(2), served.ask(3),);
    assert!([a, b, c].iter().all(is_established));
    assert_eq!(served.network.rules(), 9);
}

#[tokio::test]
async fn the_key_of_the_session_decides_who_asks_not_the_request() {
    let served = Served::to(99).await;
    let reply = served.ask(1).await;
    assert_eq!((code(&reply), served.network.rules()), (Some(Code::Denied), 0));
    let refused = AuditOutcome::Refused { code: Code::Denied };
    let told: Vec<_> =
        served.audit.since(0, 10).into_iter().map(|event| (event.action, event.outcome)).collect();
    assert_eq!(told, [("Establish".to_owned(), refused)]);
}

#[tokio::test]
async fn bytes_that_are_no_request_or_too_many_are_answered_and_the_connection_goes_on() {
    let served = Served::to(1).await;
    let node_message = NodeMessage::Undo { route: byway_base::RouteId::from_bytes([1; 16]) };
    for garbage in [Vec::new(), vec![0; 100], vec![255; 100], encode_message(&node_message)] {
        assert_eq!(code(&served.send(&garbage).await), Some(Code::Protocol));
    }
    assert_eq!(code(&served.send(&vec![1; SETUP_MESSAGE_MAX + 1]).await), Some(Code::TooLarge));
    assert!(is_established(&served.ask(1).await));
}

#[tokio::test]
async fn a_request_under_way_when_the_service_stops_is_still_answered() {
    let served = Served::to(1).await;
    served.network.set(crate::network::Mood::Waiting);
    let mut asking = Box::pin(served.ask(1));
    while served.setups.under_way() == 0 {
        assert!(futures_util::poll!(asking.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    served.stop.cancel();
    served.network.set(crate::network::Mood::Answering);
    assert!(is_established(&asking.as_mut().await));
    drop(asking);
    served.serving.await.unwrap();
}
