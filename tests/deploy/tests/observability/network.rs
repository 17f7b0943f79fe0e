//! A network of processes that does a bit of everything, and is scraped.

use std::{collections::BTreeSet, time::Duration};

use byway_api::local::DialRequest;
use byway_base::Port;
use byway_e2e::{Apps, CONTROL_PLANE, NODES, Network, dial};
use byway_testkit::{Launch, Process, program, wait::until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::series::{Series, parse};

/// Time for everything to be said: metrics follow counters every few seconds, and a route fails after ten.
const PATIENCE: Duration = Duration::from_secs(120);
/// The node that hangs, so that a route request fails.
const HANGS: &str = "a";

/// Scrapes a network until `enough` is content.
///
/// # Panics
/// If it is not in time.
pub(crate) async fn scrape_until(enough: impl Fn(&BTreeSet<Series>) -> Result<(), String>) {
    let scene = Scene::start().await;
    let _apps = scene.a_route_is_made().await;
    scene.a_route_fails().await;
    let look = async || {
        scene.a_service_fails_to_answer().await?;
        enough(&scene.scrape().await?)
    };
    until("every series", PATIENCE, look).await;
}

/// A network, and beside it what a healthy one does not have.
struct Scene {
    network: Network,
    /// A node whose volume is capped.
    capped: Process,
    /// A route finder that finds no transport discovery.
    blind: Process,
}

impl Scene {
    async fn start() -> Self {
        let network = Network::start(None).await;
        let directory = network.process("source").data_dir().to_owned();
        let capped = Launch::new("capped", &program("byway-node"), &directory)
            .set("messaging_discovery", network.url("messaging-discovery"))
            .set("forwarding.volume_mib", "1000");
        let blind = Launch::new("blind", &program("byway-route-finder"), &directory)
            .set("transport_discovery", "http://127.0.0.1:1");
        Self { network, capped: capped.start().await, blind: blind.start().await }
    }

    /// For a session over three hops.
    async fn a_route_is_made(&self) -> Apps {
        let mut apps = Apps::at(self.network.node("destination"));
        let port = apps.echo().await;
        drop(dial(&self.network.node("source"), self.network.key("destination"), port).await);
        apps
    }

    /// A node on the way hangs while the route finder still believes in it.
    async fn a_route_fails(&self) {
        self.network.process(HANGS).freeze();
        let peer = self.network.key("destination").to_string();
        // Another policy than before, so that no session is there already.
        let request =
            DialRequest { peer, port: Port(80), policy: Some("hops>=3 disjoint=1".to_owned()), path: None };
        assert!(self.network.node("source").dial(request).await.is_err(), "{HANGS} does not answer");
    }

    async fn a_service_fails_to_answer(&self) -> Result<(), String> {
        get(self.blind.address("http"), "/v1/stats").await.map(drop)
    }

    /// What Prometheus would have of everything that answers.
    async fn scrape(&self) -> Result<BTreeSet<Series>, String> {
        let control_plane = CONTROL_PLANE.iter().map(|name| (role(name), self.network.process(name)));
        let nodes =
            NODES.iter().filter(|name| **name != HANGS).map(|name| ("node", self.network.process(name)));
        let beside = [("node", &self.capped), ("route-finder", &self.blind)];
        let mut found = BTreeSet::new();
        for (job, process) in control_plane.chain(nodes).chain(beside) {
            let instance = process.address("admin");
            let text = get(instance, "/metrics").await.map_err(|error| format!("{job}: {error}"))?;
            found.extend(parse(&text, job, instance));
            found.insert(Series::new("up", &[("job", job), ("instance", instance)]));
        }
        Ok(found)
    }
}

/// What a service of the control plane is, whatever its number.
fn role(name: &'static str) -> &'static str {
    name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit())
}

/// The body of an answer.
async fn get(address: &str, path: &str) -> Result<String, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await?;
        Ok::<_, std::io::Error>(reply)
    };
    let reply = exchange.await.map_err(|error| error.to_string())?;
    reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).ok_or(reply)
}
