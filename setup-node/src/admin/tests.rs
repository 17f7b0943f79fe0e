use std::sync::Arc;

use byway_api::setup_node::{NodeRules, RoutePath, RouteState, RoutesQuery, RulesState, SetupNode};
use byway_base::SecretKey;
use byway_http::{client::Client, server::Server};
use byway_service_kit::Health;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::{
    Bounds,
    network::{Network, secret},
    routes::Routes,
};

fn administrator() -> SecretKey {
    secret(150)
}

struct Served {
    url: String,
    setups: Setups<Network>,
    network: Network,
    _directory: tempfile::TempDir,
    _stop: DropGuard,
}

impl Served {
    async fn start() -> Self {
        let (network, directory) = (Network::row(3), tempfile::tempdir().unwrap());
        let routes = Routes::open(directory.path()).unwrap();
        let check = Health::new().check("journal");
        let setups = Setups::new(network.clone(), routes, Bounds::default(), check);
        let api = Api::new(setups.clone(), vec![administrator().public()]);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(Server::<SetupNode>::new(Arc::new(api)).serve(listener, stop.clone()));
        Self { url, setups, network, _directory: directory, _stop: stop.drop_guard() }
    }

    async fn establish(&self, route: u8) {
        let reply = self.setups.establish(self.network.asked(route)).await;
        self.network.tell(route, &reply);
    }

    fn client(&self, secret: SecretKey) -> Client {
        Client::new(&self.url, Some(secret), None).unwrap()
    }
}

#[tokio::test]
async fn an_administrator_pages_through_the_routes_and_removes_one() {
    let served = Served::start().await;
    for route in 1..=3 {
        served.establish(route).await;
    }
    let client = served.client(administrator());
    let query = |cursor| RoutesQuery { cursor, limit: Some(2), ..RoutesQuery::default() };
    let first = client.call::<ListRoutes>((), query(None), ()).await.unwrap();
    let second = client.call::<ListRoutes>((), query(first.next), ()).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (2, 1, None));

    let id = second.items[0].id;
    client.call::<DeleteRoute>(RoutePath { id }, (), ()).await.unwrap();
    let problem = client.call::<GetRoute>(RoutePath { id }, (), ()).await.unwrap_err();
    assert_eq!((problem.code, served.network.rules()), (Code::NotFound, 8));
    let stats = client.call::<GetSetupStats>((), (), ()).await.unwrap();
    assert_eq!((stats.routes, stats.installed, stats.removed), (2, 3, 1));
}

#[tokio::test]
async fn nobody_else_sees_or_removes_routes_not_even_their_source() {
    let served = Served::start().await;
    served.establish(1).await;
    let client = served.client(secret(1));
    let path = RoutePath { id: RouteId::from_bytes([1; 16]) };
    let problems = [
        client.call::<ListRoutes>((), RoutesQuery::default(), ()).await.map(drop),
        client.call::<GetRoute>(path, (), ()).await.map(drop),
        client.call::<InspectRoute>(path, (), ()).await.map(drop),
        client.call::<DeleteRoute>(path, (), ()).await,
    ];
    for problem in problems {
        assert_eq!(problem.unwrap_err().code, Code::Denied);
    }
    assert_eq!(served.network.rules(), 4);
}

#[tokio::test]
async fn an_administrator_finds_routes_by_owner_node_and_state() {
    let served = Served::start().await;
    served.establish(1).await;
    let client = served.client(administrator());
    let any = RoutesQuery::default;
    let (source, middle, stranger) = (secret(1).public(), secret(2).public(), secret(99).public());
    for (query, found) in [
        (RoutesQuery { owner: Some(source), ..any() }, 1),
        (RoutesQuery { owner: Some(middle), ..any() }, 0),
        (RoutesQuery { node: Some(middle), state: Some(RouteState::Installed), ..any() }, 1),
        (RoutesQuery { node: Some(stranger), ..any() }, 0),
        (RoutesQuery { state: Some(RouteState::Removing), ..any() }, 0),
    ] {
        let page = client.call::<ListRoutes>((), query.clone(), ()).await.unwrap();
        assert_eq!((page.items.len(), page.next), (found, None), "{query:?}");
    }
}

#[tokio::test]
async fn an_administrator_sees_which_nodes_of_a_route_still_have_it() {
    let served = Served::start().await;
    served.establish(1).await;
    served.network.end(secret(3).public(), 1);
    let path = RoutePath { id: RouteId::from_bytes([1; 16]) };
    let inspected = served.client(administrator()).call::<InspectRoute>(path, (), ()).await.unwrap();
    let rules = |node, rules| NodeRules { node: secret(node).public(), rules };
    let expected = [
        rules(1, RulesState::Held),
        rules(2, RulesState::Held),
        rules(3, RulesState::Gone),
        rules(4, RulesState::Held),
    ];
    assert_eq!(inspected.nodes, expected);
}

#[tokio::test]
async fn a_cursor_of_another_make_is_refused() {
    let served = Served::start().await;
    let query = RoutesQuery { cursor: Some("7".to_owned()), ..RoutesQuery::default() };
    let problem = served.client(administrator()).call::<ListRoutes>((), query, ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Usage);
}
