//! What a service answers is what its OpenAPI description says, whatever it is sent: the status is one that is listed, the
//! body has the type and the shape of that status, and what does not fit the description is refused. No input makes a
//! service fail.

use std::sync::Arc;

use byway_contract::{Scene, Schemathesis, SigningProxy, signer};
use byway_testkit::{Postgres, postgres_or_skip};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admin_listeners_answer_as_described() {
    let Some(schemathesis) = Schemathesis::get_or_skip().await else { return };
    let scene = Scene::start(None).await;
    for service in ["messaging-server", "setup-node"] {
        let proxy = SigningProxy::start(scene.admin(service), None).await;
        schemathesis.try_out(&proxy.url(), &[]).await;
    }
}

async fn holds(service: &str, postgres: Option<Arc<Postgres>>, except: &[&str]) {
    let Some(schemathesis) = Schemathesis::get_or_skip().await else { return };
    let scene = Scene::start(postgres).await;
    let proxy = SigningProxy::start(scene.upstream(service), Some(signer())).await;
    schemathesis.try_out(&proxy.url(), except).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transport_discovery_answers_as_described() {
    holds("transport-discovery", postgres_or_skip(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messaging_discovery_answers_as_described() {
    holds("messaging-discovery", postgres_or_skip(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_finder_answers_as_described() {
    holds("route-finder", None, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setup_node_answers_as_described() {
    holds("setup-node", None, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_api_of_a_node_answers_as_described() {
    // An examination takes seconds and has no parameters.
    holds("node", None, &["Diagnose"]).await;
}
